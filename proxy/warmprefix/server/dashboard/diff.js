// What changed between two excerpts: pieces that are the same, gone or new. Pure.

const WORD = /[\p{L}\p{N}_]+|\s+|./gsu;
const ELLIPSIS = "…";

// Pieces `{ kind: "same" | "gone" | "new", text }` in reading order.
export function changes(before, after) {
  const bothGoOn = before.endsWith(ELLIPSIS) && after.endsWith(ELLIPSIS);
  const old = words(bothGoOn ? before.slice(0, -1) : before);
  const fresh = words(bothGoOn ? after.slice(0, -1) : after);
  const pieces = merged(walk(old, fresh, lengths(old, fresh)));
  if (!bothGoOn) return pieces;
  // Excerpts are cut at a number of characters: if only one side has a rest, it need not have changed.
  const last = pieces.at(-1);
  const before_last = pieces.at(-2);
  if (last && last.kind !== "same" && before_last?.kind === "same") last.kind = `rest-${last.kind}`;
  return [...pieces, { kind: "same", text: ELLIPSIS }];
}

// One side of it, for a line of its own.
export function side(pieces, kind) {
  return pieces
    .filter((piece) => piece.kind === "same" || piece.kind.endsWith(kind))
    .map((piece) => ({ text: piece.text, changed: piece.kind === kind }));
}

function words(text) {
  return text.match(WORD) ?? [];
}

// lengths[i][j]: length of the longest common subsequence of old[i…] and fresh[j…].
function lengths(old, fresh) {
  const table = Array.from({ length: old.length + 1 }, () => new Uint16Array(fresh.length + 1));
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      table[i][j] =
        old[i] === fresh[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

function* walk(old, fresh, table) {
  let [i, j] = [0, 0];
  while (i < old.length || j < fresh.length) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      yield { kind: "same", text: old[i++] };
      j++;
    } else if (i < old.length && (j === fresh.length || table[i + 1][j] >= table[i][j + 1])) {
      yield { kind: "gone", text: old[i++] };
    } else {
      yield { kind: "new", text: fresh[j++] };
    }
  }
}

function merged(pieces) {
  const found = [];
  for (const piece of pieces) {
    if (found.at(-1)?.kind === piece.kind) found.at(-1).text += piece.text;
    else found.push({ ...piece });
  }
  return found;
}
