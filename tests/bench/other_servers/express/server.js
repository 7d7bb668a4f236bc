// A typical streaming proxy: it reads the provider's stream with fetch, parses it, and writes its own events to the
// client. As in most of them, nothing aborts the call to the provider when a client disconnects: the answer is generated,
// and paid for, to its end.
const express = require('express');
const cors = require('cors');
const { randomUUID } = require('crypto');

class StreamClient {
  constructor({ baseURL, apiKey, model }) {
    this.baseURL = baseURL;
    this.apiKey = apiKey;
    this.model = model;
  }

  async chatStream(messages, options = {}) {
    const controller = new AbortController();
    const timeout = setTimeout(() => controller.abort(), options.timeout || 120000);
    let fullResponse = '';
    try {
      const response = await fetch(`${this.baseURL}/chat/completions`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Authorization: `Bearer ${this.apiKey}`,
          Accept: 'text/event-stream',
          'X-Request-ID': randomUUID(),
        },
        body: JSON.stringify({
          model: options.model || this.model,
          messages,
          stream: true,
          max_tokens: options.maxTokens || 4096,
          temperature: options.temperature || 0.7,
        }),
        signal: controller.signal,
      });
      if (!response.ok) {
        const error = await response.json().catch(() => ({}));
        throw new Error(`HTTP ${response.status}: ${error.error?.message || response.statusText}`);
      }
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let buffer = '';
      while (true) {
        const { done, value } = await reader.read();
        if (done) break;
        buffer += decoder.decode(value, { stream: true });
        const lines = buffer.split('\n');
        buffer = lines.pop() || '';
        for (const line of lines) {
          if (!line.startsWith('data: ')) continue;
          const data = line.slice(6);
          if (data === '[DONE]') return fullResponse;
          try {
            const chunk = JSON.parse(data).choices?.[0]?.delta?.content;
            if (chunk) {
              fullResponse += chunk;
              options.onChunk({ chunk, fullResponse, timestamp: Date.now() });
            }
          } catch (error) {
            console.warn('Parse error:', error.message);
          }
        }
      }
      return fullResponse;
    } finally {
      clearTimeout(timeout);
    }
  }
}

const app = express();
app.use(cors());
app.use(express.json());

const client = new StreamClient({ apiKey: 'none', baseURL: process.env.UPSTREAM, model: 'gpt-4.1' });

app.post('/api/chat/stream', async (req, res) => {
  const { messages, options = {} } = req.body;
  const requestId = req.headers['x-request-id'] || randomUUID();
  const metrics = { requestId, startTime: Date.now(), chunksReceived: 0, bytesTransferred: 0 };

  res.setHeader('Content-Type', 'text/event-stream');
  res.setHeader('Cache-Control', 'no-cache, no-transform');
  res.setHeader('Connection', 'keep-alive');
  res.setHeader('X-Accel-Buffering', 'no');
  res.flushHeaders();

  const sendEvent = (event, data) => {
    res.write(`event: ${event}\n`);
    res.write(`data: ${JSON.stringify(data)}\n\n`);
  };
  const sendChunk = (content) => {
    res.write(`data: ${JSON.stringify({ type: 'chunk', content })}\n\n`);
  };

  try {
    await client.chatStream(messages, {
      ...options,
      onChunk: ({ chunk }) => {
        metrics.chunksReceived++;
        metrics.bytesTransferred += Buffer.byteLength(chunk, 'utf8');
        sendChunk(chunk);
      },
    });
    metrics.duration = Date.now() - metrics.startTime;
    sendEvent('complete', {
      requestId,
      duration: metrics.duration,
      chunks: metrics.chunksReceived,
      throughput: `${Math.round(metrics.bytesTransferred / (metrics.duration / 1000))} bytes/sec`,
    });
    res.end();
  } catch (error) {
    sendEvent('error', { requestId, message: error.message, code: error.code || 'UNKNOWN_ERROR' });
    res.end();
  }
});

app.get('/health', (req, res) => {
  res.json({ status: 'healthy', timestamp: new Date().toISOString(), uptime: process.uptime() });
});

app.listen(process.env.PORT, '127.0.0.1');
