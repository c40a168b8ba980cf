// Turns from the proxy: those that it remembers, then each as it ends, over a stream that is opened again if it
// breaks. Read with fetch, because EventSource cannot send a key.

const BACKLOG = 1000;
const ASK_READY_MS = 10_000; // the backend is asked at most this often, and only while the page is visible
const ASK_RUNNING_MS = 1000; // what runs is asked only while the page is visible
const ASK_SUMS_MS = 500; // sums and slots follow a turn at most this often
const LONGEST_WAIT_S = 15;
const KEY = "warmprefix.key";

export class Source {
  // `on`: turns(list), link(state, details), backends(list), slots(answer), sums(answer), running(list). States: connecting, live,
  // lost, key. Each backend has a name, whether it is healthy, and why not; null if none was asked.
  constructor(on) {
    this.on = on;
    this.failures = 0;
    this.wake = () => {};
    this.stream = null;
    this.asking = null;
    this.isLive = false;
  }

  start() {
    this.run();
    setInterval(() => this.askRunning(), ASK_RUNNING_MS);
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
    await this.askSums();
    this.isLive = true;
    this.on.link("live");
    for (;;) {
      const events = text.split("\n\n");
      text = events.pop();
      const turns = events.map(record).filter(Boolean);
      if (turns.length) {
        this.on.turns(turns);
        this.asking ??= setTimeout(() => this.askSums(), ASK_SUMS_MS);
      }
      const { value, done } = await reader.read();
      if (done) throw new Error("the stream ended");
      text += value;
    }
  }

  async recover(error) {
    this.stream.abort();
    this.isLive = false;
    this.on.running(null);
    if (error instanceof KeyWanted) {
      this.on.link("key", { wrong: this.hasKey() });
      await this.pause();
      this.on.link("connecting");
      return;
    }
    const seconds = Math.min(2 ** this.failures++, LONGEST_WAIT_S);
    this.on.backends(null);
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
      const answers = (await fetch("ready", { cache: "no-store" })).ok;
      this.on.backends(await this.backends(answers));
      this.askSlots();
    } catch {
      this.stream?.abort(); // a connection that died silently
    }
  }

  // Every backend and its health. Without a key only this is known: whether any answers.
  async backends(answers) {
    const found = (await this.json("api/backends"))?.backends;
    return found ?? [{ name: null, url: null, healthy: answers, error: null }];
  }

  async askRunning() {
    if (!this.isLive || document.visibilityState !== "visible") return;
    this.on.running((await this.json("api/running"))?.running ?? null);
  }

  async askSlots() {
    this.on.slots(await this.json("api/slots"));
  }

  async askSums() {
    clearTimeout(this.asking);
    this.asking = null;
    const [sums] = await Promise.all([this.json("api/sums"), this.askSlots()]);
    if (sums !== null) this.on.sums(sums);
  }

  // One turn with what the log leaves out; null if the proxy no longer has it.
  async turn(id) {
    return this.json(`api/turns/${encodeURIComponent(id)}`);
  }

  // Request and reply of a turn; a text, which says why there are none.
  async captured(id) {
    try {
      const { captured, why } = await (await this.get(`api/turns/${encodeURIComponent(id)}/captured`)).json();
      return captured ?? why;
    } catch {
      return "The proxy does not answer.";
    }
  }

  // An answer; null if there is none: no key, or the proxy is gone, and another notice says so.
  async json(path) {
    try {
      return await (await this.get(path)).json();
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
