// Popovers open by themselves. This adds what the platform leaves out: arrow keys, closing after a choice, the state of the
// button for screen readers, and a place beside the button where anchor positioning is not known yet.
const anchored = CSS.supports('position-area: bottom');

const openerOf = (menu) => document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
const choicesOf = (menu) => [...menu.querySelectorAll('a, button')].filter((choice) => !choice.disabled);

function place(menu) {
  const opener = openerOf(menu);
  if (anchored || !opener) return;
  const box = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = box.bottom + height + 8 < innerHeight || box.top < height + 8;
  menu.style.inset = 'auto';
  menu.style.margin = '0';
  menu.style.top = `${below ? box.bottom + 4 : box.top - height - 4}px`;
  menu.style.left = `${Math.max(8, Math.min(box.right - width, innerWidth - width - 8))}px`;
}

document.addEventListener('toggle', (event) => {
  const menu = event.target;
  if (!menu.matches?.('[popover]')) return;
  openerOf(menu)?.setAttribute('aria-expanded', String(event.newState === 'open'));
  if (event.newState === 'open' && menu.matches('[data-menu]')) place(menu);
}, true);

document.addEventListener('keydown', (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const opened = event.target.closest?.('[data-menu]:popover-open');
  const opener = event.target.closest?.('[popovertarget]');
  const menu = opened ?? (opener && document.getElementById(opener.getAttribute('popovertarget')));
  if (!step || !menu?.matches('[data-menu]:popover-open')) return;
  event.preventDefault();
  const choices = choicesOf(menu);
  const at = choices.indexOf(document.activeElement);
  choices.at(at < 0 ? (step > 0 ? 0 : -1) : (at + step) % choices.length)?.focus();
});

document.addEventListener('click', (event) => {
  const choice = event.target.closest?.('[data-menu] :is(a, button)');
  choice?.closest('[data-menu]').hidePopover?.();
});
