"""Programs for Node.js that read runs as the clients of AG-UI and TanStack AI do."""
