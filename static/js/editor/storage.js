// The browser's storage, which may be full, or closed to us altogether: then nothing is kept, and nothing breaks.
function attempt(deed, otherwise) {
  try {
    return deed();
  } catch {
    return otherwise;
  }
}

/** `area`: "localStorage" or "sessionStorage". */
export const stored = (area, name) => attempt(() => JSON.parse(window[area].getItem(name)), null);
export const forget = (area, name) => attempt(() => window[area].removeItem(name));
export const namesIn = (area) => attempt(() => Object.keys(window[area]), []);

/** Whether it could be kept. */
export const store = (area, name, value) => attempt(() => {
  window[area].setItem(name, JSON.stringify(value));
  return true;
}, false);
