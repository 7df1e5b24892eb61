// What every page has. Each module works on the whole document through delegated events, so that fragments need no set-up.
import './theme.js';
import './menus.js';
import './toasts.js';
import './confirm.js';
import './forms.js';
import './narrow.js';
import './tables.js';
import './copy.js';
import './shortcuts.js';
import './live.js';
import './network.js';
import './editors.js';
import './input_form.js';
import './parameters.js';
import './results.js';

// htmx begins by itself, but a moment later: who presses a key by then would get what there is without scripts.
window.htmx?.process(document.body);
