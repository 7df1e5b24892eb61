// Unsaved text in this browser. Each opened page writes an entry of its own, so that two tabs never overwrite one another.
import { forget, namesIn, store, stored } from './storage.js';

const AREA = 'localStorage';
const PREFIX = 'dastgoh:draft:';
const MOST_ENTRIES = 3;
const KEPT_DAYS = 30;

const read = (name) => stored(AREA, name) ?? [];
const write = (name, entries) => (entries.length ? store(AREA, name, entries) : forget(AREA, name));
const names = () => namesIn(AREA).filter((name) => name.startsWith(PREFIX));

/** Make room by giving up the oldest entry of all; false when nothing is left to give up. */
function forgetOldest(except) {
  const all = names().flatMap((name) => read(name).map((entry) => ({ name, ...entry }))).filter(({ id }) => id !== except);
  const oldest = all.sort((one, other) => one.at - other.at)[0];
  if (!oldest) return false;
  write(oldest.name, read(oldest.name).filter(({ id }) => id !== oldest.id));
  return true;
}

export class Drafts {
  constructor(owner, key) {
    this.family = `${PREFIX}${owner}:`;
    this.name = this.family + key;
    this.id = Math.random().toString(36).slice(2); // of this page, as long as it is open
    const oldest = Date.now() - KEPT_DAYS * 86400000;
    for (const name of names()) write(name, read(name).filter(({ at }) => at > oldest));
  }

  /** What other pages, or this one before its reload, left unsaved: newest first. */
  others() {
    return read(this.name).filter(({ id }) => id !== this.id).sort((one, other) => other.at - one.at);
  }

  /** `sent`: on its way to the server; where it arrives, settle() finds it. */
  keep(text, version, sent = false) {
    const entry = { id: this.id, text, version, sent, at: Date.now() };
    const isKept = () => store(AREA, this.name, [entry, ...this.others()].slice(0, MOST_ENTRIES));
    while (!isKept() && forgetOldest(this.id));
  }

  /** What was sent from another page, such as the one for a new script, is saved once it comes back as a saved text. */
  settle(saved) {
    for (const name of names().filter((each) => each.startsWith(this.family))) {
      write(name, read(name).filter(({ sent, text }) => !(sent && text === saved)));
    }
  }

  drop(id = this.id) {
    const entries = read(this.name);
    if (entries.some((entry) => entry.id === id)) write(this.name, entries.filter((entry) => entry.id !== id));
  }
}
