// Numbers and times as people read them. What was not reported is a dash, never 0.

export const ABSENT = "–";

export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

export function count(value) {
  return isNumber(value) ? Math.round(value).toLocaleString("en-US") : ABSENT;
}

// Cut, not rounded: 100% only if nothing was processed.
export function percent(ratio, digits = 1) {
  if (!isNumber(ratio)) return ABSENT;
  const scale = 10 ** digits;
  return `${(Math.floor(ratio * 100 * scale + 1e-9) / scale).toFixed(digits)}%`;
}

export function duration(seconds) {
  if (!isNumber(seconds)) return ABSENT;
  if (seconds === 0) return "0 s";
  if (seconds < 9.95) return `${seconds.toFixed(seconds < 0.995 ? 2 : 1)} s`;
  if (seconds < 59.5) return `${seconds.toFixed(0)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours ? `${count(hours)} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}

// 178k, 1.24M: three digits, for a figure that is read at a glance.
export function short(value) {
  if (!isNumber(value)) return ABSENT;
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  for (const [unit, name] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (size < unit * 0.9995) continue;
    const shown = size / unit;
    return `${sign}${shown.toFixed(shown < 9.995 ? 2 : shown < 99.95 ? 1 : 0)}${name}`;
  }
  return `${sign}${count(size)}`;
}

export function bytes(value) {
  if (!isNumber(value)) return ABSENT;
  for (const [unit, name] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (value >= unit) return `${(value / unit).toFixed(1)} ${name}`;
  }
  return plural(value, "byte");
}

// How long ago, in the largest unit.
export function age(seconds) {
  if (!isNumber(seconds)) return ABSENT;
  for (const [length, name] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${name}`;
  }
  return `${Math.floor(seconds)} s`;
}

// Tokens a second; null if they were not timed.
export function speed(tokens, milliseconds) {
  if (!isNumber(tokens) || !isNumber(milliseconds) || tokens <= 0 || milliseconds <= 0) return null;
  const rate = (tokens * 1000) / milliseconds;
  return `${rate < 9.95 ? rate.toFixed(1) : count(rate)} tokens/s`;
}

export function clock(time) {
  const moment = new Date(time);
  if (Number.isNaN(moment.getTime())) return ABSENT;
  return moment.toLocaleTimeString("en-GB");
}

// Hour and minute, for an axis.
export function minute(time) {
  return clock(time).slice(0, 5);
}

export function moment(time) {
  const found = new Date(time);
  if (Number.isNaN(found.getTime())) return ABSENT;
  // A date stays on one line.
  return `${found.toLocaleDateString("en-CA").replaceAll("-", "\u2011")}\u00a0${found.toLocaleTimeString("en-GB")}`;
}

// The time of day, with the date if it is not today.
export function when(time) {
  const [found, today] = [new Date(time), new Date()];
  return found.toDateString() === today.toDateString() ? clock(time) : moment(time);
}

export function plural(number, one, many = `${one}s`, shown = count) {
  return `${shown(number)} ${number === 1 ? one : many}`;
}

// The names of characters that are invisible, or that reverse the text around them.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

export function plain(text) {
  return text.replace(UNSEEN, (found) => {
    const code = found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `⟨U+${code}⟩`;
  });
}
