// One <dialog> asks before anything marked data-confirm. It stops the click or submit in the capture phase and repeats it
// when the answer is yes, so it works alike for links, plain forms and htmx. Also: data-open="id" opens a dialog.
const dialog = document.getElementById('confirm');
const agreed = new WeakSet();

function fill(asker) {
  const accept = dialog.querySelector('[data-accept]');
  const title = dialog.querySelector('#confirm-title');
  title.dataset.usual ??= title.textContent;
  title.textContent = asker.dataset.confirmTitle || title.dataset.usual;
  dialog.querySelector('#confirm-text').textContent = asker.dataset.confirm;
  accept.querySelector('span').textContent = asker.dataset.confirmLabel || accept.dataset.defaultLabel;
  accept.className = `button ${asker.dataset.confirmKind === 'danger' ? 'button-danger-solid' : 'button-primary'}`;
}

function ask(asker) {
  fill(asker);
  const before = document.activeElement;
  dialog.returnValue = '';
  dialog.showModal();
  dialog.querySelector('[data-cancel]').focus(); // the harmless answer is the one Enter gives
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      before?.focus?.();
      resolve(dialog.returnValue === 'yes');
    }, { once: true });
  });
}

function stopAndAsk(event, asker, repeat) {
  if (!asker || !dialog) return;
  if (agreed.delete(asker)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(asker).then((yes) => {
    if (!yes) return;
    agreed.add(asker);
    repeat();
    agreed.delete(asker);
  });
}

document.addEventListener('click', (event) => {
  const asker = event.target.closest?.('[data-confirm]:not(form)');
  stopAndAsk(event, asker, () => asker.click());
}, true);

document.addEventListener('submit', (event) => {
  const form = event.target.closest('form[data-confirm]');
  const submitter = event.submitter;
  stopAndAsk(event, form, () => form.requestSubmit(submitter));
}, true);

document.addEventListener('click', (event) => {
  const opener = event.target.closest?.('[data-open]');
  const opened = opener && document.getElementById(opener.dataset.open);
  if (opened) {
    event.preventDefault(); // a link is the way without scripts
    opened.showModal();
  }
  if (event.target.matches?.('dialog')) event.target.close(); // a click on the backdrop
});
