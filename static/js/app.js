// What every page has. Each module works on the whole document through delegated events, so that fragments need no set-up.
import './theme.js';
import './menus.js';
import './toasts.js';
import './confirm.js';
import './forms.js';
import './tables.js';
import './copy.js';
import './shortcuts.js';
import './live.js';
import './network.js';
import './editors.js';
import './input_form.js';
import './parameters.js';
import './results.js';
