import { defineConfig } from "vite";

// The page and the gateway have one origin: neither CORS nor a back end is needed.
const proxy = { "/api": { target: process.env.GATEWAY ?? "http://127.0.0.1:8080", ws: true } };

export default defineConfig({ server: { proxy }, preview: { proxy }, oxc: { jsx: { runtime: "automatic" } } });
