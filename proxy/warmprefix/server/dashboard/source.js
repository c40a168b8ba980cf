// Turns from the proxy: those that it remembers, then each as it ends, over a stream that is opened again if it
// breaks. Read with fetch, because EventSource cannot send a key.

const BACKLOG = 500;
const ASK_READY_MS = 10_000; // the backend is asked at most this often, and only while the page is visible
const LONGEST_WAIT_S = 15;
const KEY = "warmprefix.key";

export class Source {
  // `on`: turns(list), link(state, details), backend(answers), stoodDown(list). States: connecting, live, lost, key.
  constructor(on) {
    this.on = on;
    this.failures = 0;
    this.wake = () => {};
    this.stream = null;
  }

  start() {
    this.run();
    setInterval(() => this.askReady(), ASK_READY_MS);
    document.addEventListener("visibilitychange", () => this.askReady());
    addEventListener("online", () => this.retry());
  }

  // Try again now.
  retry() {
    this.wake();
  }

  // The key is stored for this tab only.
  useKey(key) {
    sessionStorage.setItem(KEY, key);
    this.wake();
  }

  hasKey() {
    return sessionStorage.getItem(KEY) !== null;
  }

  async run() {
    for (;;) {
      try {
        await this.watch();
      } catch (error) {
        await this.recover(error);
      }
    }
  }

  // Runs until the stream ends, always with an exception.
  async watch() {
    this.stream = new AbortController();
    const response = await this.get("api/events", this.stream.signal);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader.read()).value ?? "";
    this.askReady();
    // Fetched once the stream is open, so that no turn is missed in between; a turn seen twice counts once.
    this.on.turns((await (await this.get(`api/turns?limit=${BACKLOG}`)).json()).turns);
    this.failures = 0;
    this.on.link("live");
    for (;;) {
      const events = text.split("\n\n");
      text = events.pop();
      const turns = events.map(record).filter(Boolean);
      if (turns.length) this.on.turns(turns);
      const { value, done } = await reader.read();
      if (done) throw new Error("the stream ended");
      text += value;
    }
  }

  async recover(error) {
    this.stream.abort();
    if (error instanceof KeyWanted) {
      this.on.link("key", { wrong: this.hasKey() });
      await this.pause();
      this.on.link("connecting");
      return;
    }
    const seconds = Math.min(2 ** this.failures++, LONGEST_WAIT_S);
    this.on.backend(null);
    this.on.link("lost", { reason: error instanceof Refused ? error.message : null });
    await this.pause(seconds * 1000);
  }

  // Waits until somebody calls, or the time is over.
  pause(milliseconds = null) {
    return new Promise((resolve) => {
      const timer = milliseconds === null ? null : setTimeout(resolve, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async askReady() {
    if (document.visibilityState !== "visible") return;
    try {
      this.on.backend((await fetch("ready", { cache: "no-store" })).ok);
      this.askSlots();
    } catch {
      this.stream?.abort(); // a connection that died silently
    }
  }

  // The behaviours that were switched off because they cost more than they kept.
  async askSlots() {
    try {
      this.on.stoodDown((await (await this.get("api/slots")).json()).stood_down);
    } catch {
      this.on.stoodDown([]); // no key, or the proxy is gone: another notice says so
    }
  }

  // One turn with what the log leaves out; null if the proxy no longer has it.
  async turn(id) {
    try {
      return await (await this.get(`api/turns/${encodeURIComponent(id)}`)).json();
    } catch {
      return null;
    }
  }

  async get(path, signal = null) {
    const key = sessionStorage.getItem(KEY);
    const headers = key === null ? {} : { Authorization: `Bearer ${key}` };
    const response = await fetch(path, { headers, signal, cache: "no-store" });
    if (response.status === 401) throw new KeyWanted();
    if (!response.ok) throw new Refused(`It answered ${response.status} to ${path}.`);
    return response;
  }
}

class KeyWanted extends Error {}
class Refused extends Error {}

function record(event) {
  const lines = event.split("\n").filter((line) => line.startsWith("data:"));
  if (!lines.length) return null;
  try {
    return JSON.parse(lines.map((line) => line.slice(5)).join("\n"));
  } catch {
    return null;
  }
}
