// The page of a subscription: every change is looked at by the server. What is changed while a look is under way is looked at next,
// and the answer to the older state is dropped, for it would write over what was typed meanwhile.
const ID = 'subscription-form';
const sentAt = new WeakMap();
let changes = 0;

document.addEventListener('change', ({ target }) => { if (target.form?.id === ID) changes += 1; }, true);

const isOurs = (ctx) => ctx.request.form?.id === ID;
const isOld = (ctx) => isOurs(ctx) && sentAt.get(ctx) !== changes;
const isLook = (ctx) => ctx.sourceEvent?.type === 'change';

// A press that waited for the one before it was read when it was pressed: without the line that came meanwhile.
function asItStands(pressed) {
  const fields = new URLSearchParams(new FormData(document.getElementById(ID)));
  fields.set('do', pressed.get('do'));
  return fields;
}

document.addEventListener('htmx:before:request', ({ detail: { ctx } }) => {
  sentAt.set(ctx, changes);
  if (isOurs(ctx) && !isLook(ctx)) ctx.request.body = asItStands(ctx.request.body);
});
document.addEventListener('htmx:before:response', (event) => {
  const { ctx } = event.detail;
  if (isLook(ctx) && isOld(ctx)) event.preventDefault();
});
document.addEventListener('htmx:finally:request', ({ detail: { ctx } }) => {
  if (isOld(ctx)) document.getElementById(ID)?.dispatchEvent(new Event('change'));
});

// A button changes which lines there are, and htmx leaves a field that was typed into as it is, whichever line it now belongs to.
document.addEventListener('htmx:after:swap', ({ detail: { ctx } }) => {
  if (!isOurs(ctx) || isLook(ctx) || isOld(ctx)) return;
  const form = document.getElementById(ID);
  const { activeElement: typing } = document;
  const { value } = typing;
  form.reset(); // what the server says
  if (typing.form === form && typing.matches('input, textarea')) typing.value = value;
  if (typing === document.body) focusNear(form, ctx.request.body.get('do'));
});

// Who pressed a button that is gone or was made anew goes on from there, not from the top of the page.
function focusNear(form, pressed) {
  const [, group] = pressed.match(/ (n[.\d]*?)(\.\d+)?$/) ?? [];
  const deeds = [pressed, `condition ${group}`, 'condition n'];
  deeds.map((deed) => form.querySelector(`button[value="${deed}"]`)).find(Boolean)?.focus();
}
