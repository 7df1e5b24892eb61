// The server's verdict on a text that is being written: asked for when the writer pauses, never twice for the same text.
import { post } from './post.js';

const PAUSE_MS = 400;

export class Check {
  /** onVerdict gets a list of problems, or null when the server could not be asked. */
  constructor(url, onVerdict) {
    Object.assign(this, { url, onVerdict });
  }

  later(text) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(text), PAUSE_MS);
  }

  async now(text) {
    this.asking?.abort();
    const asking = this.asking = new AbortController();
    const problems = await this.#ask(text, asking.signal);
    if (!asking.signal.aborted) this.onVerdict(problems);
  }

  async #ask(source, signal) {
    try {
      const answer = await post(this.url, { source }, signal);
      return answer.ok ? (await answer.json()).problems : null;
    } catch {
      return null;
    }
  }

  dispose() {
    clearTimeout(this.timer);
    this.asking?.abort();
  }
}
