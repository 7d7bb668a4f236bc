import { defineConfig } from "vite";

// The page and the gateway share one origin, as behind a reverse proxy: no CORS, and cookies need no exception.
const gateway = {
  target: process.env.GATEWAY ?? "http://127.0.0.1:8080",
  ws: true,
  // Vite would leave the page waiting when it loses the gateway in mid-answer.
  configure: (proxy) => {
    proxy.on("proxyRes", (answer, _request, response) => {
      answer.on("close", () => answer.complete || response.destroy());
    });
  },
};
const proxy = { "/api": gateway };

export default defineConfig({ server: { proxy }, preview: { proxy }, oxc: { jsx: { runtime: "automatic" } } });
