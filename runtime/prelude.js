// In every isolate before a script sees it, mostly out of a snapshot (snapshot.py). Takes the host names most runs are given, and gives
// `open`, which is called once and gives [enter, mailbox]; all that comes in comes as `this` of enter: first the function that tells
// the engine to look into the mailbox, then the script, then messages.
// Nothing here trusts what scripts can reach: what is needed of the language is captured first.
(function (usualNames) {
  'use strict';
  const { apply, ownKeys, getOwnPropertyDescriptor, defineProperty, deleteProperty } = Reflect;
  const uncurry = Function.prototype.bind.bind(Function.prototype.call);
  const { create, freeze, isFrozen } = Object;
  const { parse, stringify } = JSON;
  const { isArray } = Array;
  const NativePromise = Promise, NativeError = Error, text = String, now = Date.now, same = Object.is;
  const promiseThen = uncurry(Promise.prototype.then);
  const charCodeAt = uncurry(String.prototype.charCodeAt), slice = uncurry(String.prototype.slice);
  const indexOf = uncurry(String.prototype.indexOf), split = uncurry(String.prototype.split);
  const wellFormed = uncurry(String.prototype.toWellFormed);
  const padStart = uncurry(String.prototype.padStart), numberText = uncurry(Number.prototype.toString);
  const fromCharCode = String.fromCharCode, captureStackTrace = Error.captureStackTrace;
  const weakGet = uncurry(WeakMap.prototype.get), weakSet = uncurry(WeakMap.prototype.set);
  const toNumber = Number, floor = Math.floor, max = Math.max, min = Math.min;
  const Bytes = Uint8Array, isView = ArrayBuffer.isView, bytesOf = uncurry(Uint8Array.prototype.slice);

  // ---- The mailbox: 4 bytes operation, 4 bytes length, 4 bytes flags, then characters. ----
  const Integers = Int32Array, Units = Uint16Array;
  const CHUNK = 32 * 1024;
  let head, narrow, wide, notify, isErrorObject;
  const CALL = 1, LOG = 2, VALUE = 3, FAIL = 4, CRYPTO = 5, TIMER = 6, UNTIMER = 7;
  const WIDE = 1, MORE = 2;

  const post = (function (operation, message) {
    const length = message.length;
    let from = 0;
    do {
      const to = min(from + CHUNK, length);
      let seen = 0;
      for (let at = from; at < to; at++) {
        const code = charCodeAt(message, at);
        seen |= code;
        narrow[at - from] = code;
      }
      if (seen > 255) for (let at = from; at < to; at++) wide[at - from] = charCodeAt(message, at);
      head[0] = operation;
      head[1] = to - from;
      head[2] = (seen > 255 ? WIDE : 0) | (to < length ? MORE : 0);
      notify();
      from = to;
    } while (from < length);
  });
  // Only the synchronous operations answer through the mailbox, in ASCII.
  const ask = (operation, message) => {
    post(operation, message);
    let answer = '';
    for (let at = 0; at < head[1]; at++) answer += fromCharCode(narrow[at]);
    return parse(answer);
  };

  // ---- Small safe tools. ----
  const define = (function (target, name, value) {
    defineProperty(target, name, { __proto__: null, value, writable: false, enumerable: false, configurable: false });
  });
  const member = (target, name, value) =>
    defineProperty(target, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  const sealed = (function (fn, name) {
    defineProperty(fn, 'name', { __proto__: null, value: name, configurable: true });
    if (fn.prototype) freeze(fn.prototype);
    return freeze(fn);
  });
  const clip = (string, most) => (string.length > most ? slice(string, 0, most) + '…' : string);
  // Of UTF-8: a pair of surrogates takes four bytes.
  const width = code => (code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3);
  const bytesIn = string => {
    let sum = 0;
    for (let at = 0; at < string.length; at++) sum += width(charCodeAt(string, at));
    return sum;
  };
  const fits = (string, most) => string.length * 3 <= most || (string.length <= most && bytesIn(string) <= most);
  // How many characters from here on, forwards or backwards, have room in so many bytes.
  const reach = (string, from, step, room) => {
    let count = 0;
    while ((room -= width(charCodeAt(string, from + step * count))) >= 0) count++;
    return count;
  };
  const deepFreeze = (function (root) {
    const work = create(null);
    let count = 0;
    if (root !== null && typeof root === 'object') work[count++] = root;
    while (count > 0) {
      const item = work[--count];
      const keys = ownKeys(item);
      for (let at = 0; at < keys.length; at++) {
        const child = item[keys[at]];
        if (child !== null && typeof child === 'object') work[count++] = child;
      }
      freeze(item);
    }
    return root;
  });

  // ---- Errors. ----
  const marks = new WeakMap(); // errors made here, and what the outcome shall say about them
  class Fatal extends NativeError {
    constructor(message) {
      super(message);
      define(this, 'name', 'Fatal');
      weakSet(marks, this, freeze({ __proto__: null, retryable: false, details: { __proto__: null, fatal: true } }));
    }
  }
  class RetryAfter extends NativeError {
    constructor(seconds, message) {
      super(message === undefined ? `retry after ${text(seconds)} s` : message);
      define(this, 'name', 'RetryAfter');
      const wait = toNumber(seconds);
      // Infinity is no JSON; whoever decides has a lower bound of its own. NaN says later, and not when.
      const after = wait === wait ? max(0, min(wait, 1e9)) : null;
      weakSet(marks, this, freeze({ __proto__: null, retryable: true, details: { __proto__: null, retry_after: after } }));
    }
  }
  // What a script is shown of a stack: frames of ours tell it nothing.
  const theirFrames = trace => {
    let kept = '';
    for (let from = 0, end; from < trace.length; from = end) {
      end = indexOf(trace, '\n', from + 1);
      if (end < 0) end = trace.length;
      const line = slice(trace, from, end);
      if (indexOf(line, 'dastgoh:prelude:') < 0) kept += line;
    }
    return kept;
  };
  const hostError = (failure, site) => {
    const error = new NativeError(failure.message);
    const code = failure.code;
    member(error, 'code', code);
    member(error, 'retryable', failure.retryable);
    if (failure.details) member(error, 'details', failure.details);
    if (site) {
      const trace = site.stack;
      const newline = typeof trace === 'string' ? indexOf(trace, '\n') : -1;
      defineProperty(error, 'stack', {
        __proto__: null, configurable: true, writable: true, enumerable: false,
        value: `Error: ${failure.message}` + (newline < 0 ? '' : theirFrames(slice(trace, newline))),
      });
    }
    weakSet(marks, error, { __proto__: null, code, retryable: failure.retryable, details: failure.details });
    return error;
  };
  const own = (code, message) => hostError({ __proto__: null, code, message, retryable: false }, new NativeError());

  const read = (target, name) => {
    try { return target[name]; } catch { return undefined; }
  };
  const readText = (target, name, most) => {
    const value = read(target, name);
    return typeof value === 'string' ? clip(value, most) : undefined;
  };
  const isList = value => {
    try { return isArray(value); } catch { return false; } // a proxy that was revoked
  };
  const preview = (value, most = 4000) => {
    try {
      if (typeof value === 'string') return clip(value, most);
      if (typeof value === 'number') return same(value, -0) ? '-0' : text(value);
      if (typeof value === 'bigint') return clip(text(value), most) + 'n';
      if (typeof value === 'symbol' || typeof value === 'function') return clip(text(value), 200);
      const json = stringify(value);
      return json === undefined ? text(value) : clip(json, most);
    } catch { return '[unprintable]'; }
  };
  // What follows the message: lines within it that look like frames are none.
  const framesOf = (trace, message) => {
    const frames = indexOf(trace, '\n    at '), said = indexOf(trace, message);
    return clip(said < 0 || said > frames ? trace : slice(trace, said + message.length), 16000);
  };
  // Errors within errors are told up to a number, so that the whole stays small.
  let inner = 0;
  const describe = (thrown, depth) => {
    const about = create(null);
    const isObject = (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function';
    if (!isObject || !(isErrorObject(thrown) || readText(thrown, 'stack', 10) !== undefined)) {
      about.message = preview(thrown);
      about.thrown = true;
      if (isObject) { const code = read(thrown, 'code'); if (typeof code === 'string' || typeof code === 'number') about.code = code; }
      return about;
    }
    about.name = readText(thrown, 'name', 200);
    const message = read(thrown, 'message');
    about.message = preview(message === undefined ? thrown : message);
    if (depth === 0) {
      const trace = read(thrown, 'stack');
      if (typeof trace === 'string') about.stack = framesOf(trace, typeof message === 'string' ? message : '');
    }
    const code = read(thrown, 'code');
    if (typeof code === 'string' || typeof code === 'number') about.code = typeof code === 'string' ? clip(code, 200) : code;
    const mark = weakGet(marks, thrown);
    if (mark !== undefined) about.mark = mark;
    if (depth < 4) {
      const cause = read(thrown, 'cause');
      if (cause !== undefined && inner++ < 30) about.cause = describe(cause, depth + 1);
      const errors = read(thrown, 'errors');
      if (isList(errors)) {
        about.errors = create(null);
        const count = min(read(errors, 'length') || 0, 10);
        for (let at = 0; at < count && inner++ < 30; at++) about.errors[at] = describe(read(errors, at), depth + 1);
      }
    }
    return about;
  };

  // ---- The end of a run. ----
  let over = false, maxOutput = 0;
  const fail = (thrown, fixed) => {
    if (over) return;
    let report;
    try { report = stringify({ __proto__: null, fixed, error: describe(thrown, 0) }); } catch { report = '{"error":{"message":"[unprintable]"}}'; }
    over = true;
    post(FAIL, wellFormed(report));
  };
  const finish = (function (value) {
    if (over) return;
    let json;
    try {
      if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`a ${typeof value} cannot be returned`);
      json = stringify(value);
    } catch (error) { return fail(error, 'RESULT_NOT_JSON'); }
    if (json === undefined) json = 'null';
    if (json.length > maxOutput) return fail(new NativeError(`the result has more than ${maxOutput} bytes`), 'OUTPUT_TOO_LARGE');
    over = true;
    post(VALUE, wellFormed(json));
  });

  // ---- Host calls. ----
  const pending = create(null);
  let lastCall = 0, maxCall = 0, maxCalls = 0;
  // JSON would make null of them, and null is a value: another one.
  const holdsOddNumber = values => {
    if (values === null || typeof values !== 'object') return false;
    const names = ownKeys(values);
    for (let at = 0; at < names.length; at++) {
      const value = values[names[at]];
      if (typeof value === 'number' && value - value !== 0) return true;
    }
    return false;
  };
  const callFrom = (site, name, args, exact) => new NativePromise((function (resolve, reject) {
    if (over) return;
    if (lastCall >= maxCalls) return reject(hostError({ __proto__: null, code: 'API_CALL_LIMIT', retryable: true, message: `more than ${maxCalls} SDK calls in one run` }, site));
    let request;
    try {
      define(args, 'toJSON', undefined); // one that a script gave to all arrays is for what is in this one
      if (holdsOddNumber(exact)) throw new NativeError('NaN and Infinity have no JSON');
      request = stringify(args);
    } catch (error) {
      return reject(hostError({ __proto__: null, code: 'INVALID_INPUT', retryable: false, message: `arguments of ${name} are not JSON: ${readText(error, 'message', 500)}` }, site));
    }
    if (!fits(request, maxCall)) return reject(hostError({ __proto__: null, code: 'INVALID_INPUT', retryable: false, message: `arguments of ${name} are too large` }, site));
    const id = ++lastCall;
    pending[id] = { __proto__: null, resolve, reject, site };
    post(CALL, `[${id},${stringify(name)},${wellFormed(request)}]`);
  }));
  const siteOf = (function (below) {
    const site = create(null);
    captureStackTrace(site, below);
    return site;
  });
  // Rest parameters hold own elements only, so a patched Array.prototype cannot listen in on them.
  const caller = (function (name) {
    const fn = (...args) => callFrom(siteOf(fn), name, args, args);
    return fn;
  });
  const settle = (function (answer) {
    const { 0: id, 1: ok, 2: content } = answer;
    const call = pending[id];
    if (call === undefined) return;
    delete pending[id];
    if (ok) call.resolve(content);
    else call.reject(hostError(content, call.site));
  });

  // ---- Timers: kept by the engine's main loop, so that every entry into JavaScript is one it knows of. ----
  const timers = create(null);
  let lastTimer = 0;
  const arm = (id, wait) => {
    const delay = toNumber(wait);
    post(TIMER, `${id} ${delay > 0 ? min(delay, 2147483647) : 0}`);
  };
  const timer = (fn, wait, args, repeat) => {
    if (typeof fn !== 'function') throw new TypeError('a timer needs a function');
    const id = ++lastTimer;
    timers[id] = { __proto__: null, fn, wait, args, repeat };
    arm(id, wait);
    return id;
  };
  const fire = id => {
    const entry = timers[id];
    if (entry === undefined || over) return;
    if (entry.repeat) arm(id, max(1, toNumber(entry.wait) || 0)); else delete timers[id];
    try { apply(entry.fn, undefined, entry.args); } catch (error) { fail(error); }
  };
  const clear = id => {
    const number = toNumber(id);
    if (timers[number] === undefined) return;
    delete timers[number];
    post(UNTIMER, text(number));
  };
  const sleep = wait => new NativePromise(resolve => { timer(() => resolve(), wait, [], false); });

  // ---- Logs. ----
  let maxLine = 8192;
  const cut = (function (line) {
    if (fits(line, maxLine)) return line;
    const keep = max(1, floor(maxLine / 2) - 20), last = line.length - 1;
    const head = reach(line, 0, 1, keep), tail = reach(line, last, -1, keep);
    return `${slice(line, 0, head)} …[${line.length - head - tail} characters cut]… ${slice(line, line.length - tail)}`;
  });
  const shown = value => {
    if (typeof value === 'string') return value;
    try {
      if (value !== null && typeof value === 'object' && isErrorObject(value)) return theirFrames(text(readText(value, 'stack', 8000) ?? readText(value, 'message', 8000)));
    } catch { /* fall through to the preview */ }
    return value === undefined ? 'undefined' : preview(value, Infinity);
  };
  // What is nested deeper is shown as text: later code need not bear it.
  const MAX_DEPTH = 100, QUOTE = 34, BACKSLASH = 92;
  const isDeep = json => {
    let depth = 0, quoted = false;
    for (let at = 0; at < json.length; at++) {
      const code = charCodeAt(json, at);
      if (code === QUOTE) quoted = !quoted;
      else if (quoted) at += code === BACKSLASH;
      else if (code === 91 || code === 123) { if (++depth > MAX_DEPTH) return true; }
      else if (code === 93 || code === 125) depth--;
    }
    return false;
  };
  const log = (function (level, message, data) {
    if (over) return;
    const line = create(null);
    line.level = level;
    const fitting = cut(message);
    line.message = wellFormed(fitting);
    line.timestamp = now() / 1000;
    if (data !== undefined) {
      let json;
      try { json = stringify(data); } catch { json = undefined; }
      if (json === undefined) line.data = preview(data);
      else if (!fits(json, maxLine) || isDeep(json)) { line.data = cut(json); line.cut = true; } else line.data = parse(json);
    }
    if (fitting !== message) line.cut = true;
    post(LOG, wellFormed(stringify(line)));
  });
  const printer = level => (...values) => {
    let message = '';
    for (let at = 0; at < values.length; at++) message += (at ? ' ' : '') + shown(values[at]);
    log(level, message);
  };
  const logger = level => (message, data) => log(level, shown(message), data);

  // ---- Shims: what `sdk` offers on top of plain host names. Each gets `call(name, ...args)` and the bound names. ----
  const shims = create(null);

  shims.http = (function (api, bound) {
    if (!bound['http.request']) return;
    const send = async (site, options) => {
      const answer = await callFrom(site, 'http.request', [options]);
      const body = answer === null ? undefined : answer.body;
      member(answer, 'json', sealed(() => parse(body), 'json'));
      return answer;
    };
    const options = (given, extra) => {
      const all = create(null);
      const names = given === null || typeof given !== 'object' ? [] : ownKeys(given);
      for (let at = 0; at < names.length; at++) if (typeof names[at] === 'string') all[names[at]] = given[names[at]];
      for (const name in extra) if (extra[name] !== undefined) all[name] = extra[name];
      return all;
    };
    const bare = method => { const fn = (url, given) => send(siteOf(fn), options(given, { __proto__: null, method, url })); return fn; };
    const full = method => { const fn = (url, body, given) => send(siteOf(fn), options(given, { __proto__: null, method, url, body })); return fn; };
    api.get = bare('GET'); api.head = bare('HEAD'); api.delete = bare('DELETE');
    api.post = full('POST'); api.put = full('PUT'); api.patch = full('PATCH');
    const request = given => send(siteOf(request), options(given, create(null)));
    api.request = request;
  });

  shims.db = (function (api, bound) {
    const one = (name) => { const fn = (sql, params) => callFrom(siteOf(fn), name, [sql, params ?? []], params); return fn; };
    if (bound['db.query']) {
      api.query = one('db.query');
      const queryOne = async (sql, params) => first(await callFrom(siteOf(queryOne), 'db.query', [sql, params ?? []], params));
      api.queryOne = queryOne;
    }
    const first = rows => (isArray(rows) && rows.length > 0 ? rows[0] : null);
    if (bound['db.execute']) api.execute = one('db.execute');
    if (!bound['db.begin']) { delete api.transaction; return; }
    let open = false;
    const within = (id, name) => (sql, params) => callFrom(siteOf(), name, [id, sql, params ?? []], params);
    const transaction = async work => {
      const site = siteOf(transaction);
      if (typeof work !== 'function') throw own('INVALID_INPUT', 'sdk.db.transaction needs a function');
      if (open) throw own('DB_FORBIDDEN', 'a transaction cannot begin inside another');
      open = true;
      try {
        const id = await callFrom(site, 'db.begin', []);
        const query = within(id, 'db.txQuery');
        const tx = freeze({
          query, execute: within(id, 'db.txExecute'), queryOne: async (sql, params) => first(await query(sql, params)),
        });
        let value;
        try { value = await work(tx); } catch (error) {
          try { await callFrom(site, 'db.rollback', [id]); } catch { /* the first error is the one to tell */ }
          throw error;
        }
        await callFrom(site, 'db.commit', [id]);
        return value;
      } finally { open = false; }
    };
    api.transaction = transaction;
    delete api.begin; delete api.txQuery; delete api.txExecute; delete api.commit; delete api.rollback;
  });

  shims.once = (function (api, bound, sdk) {
    if (!bound['once.begin']) return;
    const once = async (key, fn) => {
      const site = siteOf(once);
      if (typeof fn !== 'function') throw own('INVALID_INPUT', 'sdk.once needs a key and a function');
      for (;;) {
        const begun = await callFrom(site, 'once.begin', [key]);
        if (begun.state === 'done') return begun.value;
        if (begun.state === 'run') {
          let value;
          try { value = await fn(); } catch (error) {
            try { await callFrom(site, 'once.fail', [key, begun.token]); } catch { /* the first error is the one to tell */ }
            throw error;
          }
          const finish = result => callFrom(site, 'once.finish', [key, begun.token, result]);
          try { await finish(value === undefined ? null : value); } catch (error) {
            // It was done, even if what it gave cannot be kept: nobody may do it again.
            if (error.code === 'INVALID_INPUT') try { await finish(null); } catch { /* the first error is the one to tell */ }
            throw error;
          }
          return value;
        }
        await sleep(begun.retry_ms || 50);
      }
    };
    sdk.once = once;
  });

  // Answered inside the engine, without the parent: pure functions of their arguments.
  const hex = bytes => {
    let out = '';
    for (let at = 0; at < bytes.length; at++) out += padStart(numberText(bytes[at], 16), 2, '0');
    return out;
  };
  const material = value => {
    if (typeof value === 'string') return { __proto__: null, text: wellFormed(value) };
    if (isView(value)) return { __proto__: null, hex: hex(new Bytes(value.buffer, value.byteOffset, value.byteLength)) };
    throw own('INVALID_INPUT', 'sdk.crypto takes text or bytes');
  };
  const compute = (operation, args) => {
    const answer = ask(CRYPTO, stringify([operation, args]));
    if (answer.error) throw own('INVALID_INPUT', answer.error);
    return answer.value;
  };
  const cryptoApi = (function () {
    const api = create(null);
    api.hash = (algorithm, data, encoding) => compute('hash', [algorithm, material(data), encoding ?? 'hex']);
    api.hmac = (algorithm, key, data, encoding) => compute('hmac', [algorithm, material(key), material(data), encoding ?? 'hex']);
    api.timingSafeEqual = (a, b) => compute('equal', [material(a), material(b)]);
    api.randomUUID = () => compute('uuid', []);
    api.randomBytes = size => {
      const source = compute('bytes', [size]);
      const bytes = new Bytes(source.length / 2);
      for (let at = 0; at < bytes.length; at++) bytes[at] = digit(charCodeAt(source, 2 * at)) * 16 + digit(charCodeAt(source, 2 * at + 1));
      return bytes;
    };
    return api;
  });
  const digit = code => (code < 58 ? code - 48 : code - 87);

  // ---- The SDK of one run: dotted host names become nested frozen objects. ----
  const sealAll = (function (api) {
    for (const name in api) {
      if (typeof api[name] === 'function') sealed(api[name], name);
      else sealAll(api[name]);
    }
    return freeze(api);
  });
  // A name that is both a function and a group is a group.
  const plant = (function (tree, name) {
    let branch = tree, from = 0;
    for (let dot; (dot = indexOf(name, '.', from)) >= 0; from = dot + 1) {
      const group = slice(name, from, dot);
      if (typeof branch[group] !== 'object') branch[group] = create(null);
      branch = branch[group];
    }
    branch[slice(name, from)] ??= caller(name);
  });
  const buildSdk = (function (names) {
    const sdk = create(null), bound = create(null);
    for (let at = 0; at < names.length; at++) {
      bound[names[at]] = true;
      plant(sdk, names[at]);
    }
    for (const group in shims) if (typeof sdk[group] === 'object') shims[group](sdk[group], bound, sdk);
    sdk.crypto = cryptoApi();
    sdk.log = create(null);
    for (let at = 0; at < levels.length; at++) sdk.log[levels[at]] = logger(levels[at]);
    sdk.sleep = sleep;
    sdk.Fatal = Fatal; sdk.RetryAfter = RetryAfter;
    return sealAll(sdk);
  });

  // ---- The global object of scripts. ----
  const global = globalThis;
  const levels = ["debug", "info", "warn", "error"];
  const banned = ['eval', 'Function', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'fetch', 'XMLHttpRequest', 'WebSocket', 'console'];
  const consoleApi = create(null);
  consoleApi.log = printer('info'); consoleApi.info = printer('info'); consoleApi.warn = printer('warn');
  consoleApi.error = printer('error'); consoleApi.debug = printer('debug'); consoleApi.trace = printer('debug');
  define(global, 'console', sealAll(consoleApi));
  define(global, 'setTimeout', sealed((fn, wait, ...args) => timer(fn, wait, args, false), 'setTimeout'));
  define(global, 'setInterval', sealed((fn, wait, ...args) => timer(fn, wait, args, true), 'setInterval'));
  define(global, 'clearTimeout', sealed(clear, 'clearTimeout'));
  define(global, 'clearInterval', sealed(clear, 'clearInterval'));

  // ---- A run. ----
  let sdk, script, stage = global;
  const begin = (function (settings) {
    maxOutput = settings.maxOutput; maxCall = settings.maxCall; maxCalls = settings.maxCalls; maxLine = settings.maxLine;
    const context = settings.context;
    if (context !== null && typeof context === 'object' && context.deadlineMs === undefined && !isArray(context)) context.deadlineMs = now() + settings.timeout;
    deepFreeze(context);
    define(stage, 'context', context);
    define(stage, 'ctx', context);
    define(stage, 'sdk', sdk);
    if (sdk.events !== undefined) define(stage, 'events', sdk.events);
    const result = script();
    try { promiseThen(result, finish, error => fail(error)); } catch (error) { fail(error); }
  });
  const furnish = (function (names) { sdk = buildSdk(names); });

  const ANSWER = 91, SETTINGS = 123, NAMES = 110; // [ { n
  const enter = (function () {
    const message = this;
    if (typeof message === 'function') {
      if (notify === undefined) notify = message; else script = message;
      return;
    }
    if (typeof message !== 'string') return;
    const kind = charCodeAt(message, 0);
    if (kind === ANSWER) settle(parse(message));
    else if (kind === SETTINGS) begin(parse(message));
    else if (kind === NAMES) furnish(parse(slice(message, 1)));
    else fire(toNumber(message));
  });

  // What every run goes through is compiled before there is one: a run on an empty stage, of which nothing is told.
  const rehearse = (function () {
    head = [0, 0, 0]; narrow = []; wide = [];
    notify = () => {
      if (head[0] !== VALUE) return;
      head = narrow = wide = notify = script = undefined;
      stage = global; over = false; lastCall = 0;
    };
    stage = create(null);
    furnish(usualNames);
    script = async () => {
      const answer = callFrom(siteOf(), '', []);
      log('info', '');
      settle(parse('[1,true,{}]'));
      return await answer;
    };
    begin(parse('{"maxOutput":1000,"maxCall":1000,"maxCalls":1,"maxLine":1000,"timeout":0,"context":{"input":[]}}'));
  });
  rehearse();

  return () => {
    const mailbox = new global.SharedArrayBuffer(16 + 2 * CHUNK);
    // Only here: V8 itself adds its youngest parts to what comes out of a snapshot, and takes for granted what it adds to.
    isErrorObject = NativeError.isError;
    for (let at = 0; at < banned.length; at++) deleteProperty(global, banned[at]);
    // With these fixed, reading a stack never runs a script's code and is never empty.
    define(NativeError, 'prepareStackTrace', undefined);
    define(NativeError, 'stackTraceLimit', 30);
    head = new Integers(mailbox, 0, 3);
    narrow = new Bytes(mailbox, 16);
    wide = new Units(mailbox, 16);
    return [enter, mailbox];
  };
})
