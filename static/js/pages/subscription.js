// The page of a subscription: every change is looked at by the server. What is changed while a look is under way is looked at next,
// and the answer to the older state is dropped, for it would write over what was typed meanwhile.
const ID = 'subscription-form';
const sentAt = new WeakMap();
let changes = 0;

document.addEventListener('change', ({ target }) => { if (target.form?.id === ID) changes += 1; }, true);

const isOurs = (ctx) => ctx.request.form?.id === ID;
const isOld = (ctx) => isOurs(ctx) && sentAt.get(ctx) !== changes;
const isLook = (ctx) => ctx.sourceEvent?.type === 'change';

document.addEventListener('htmx:before:request', ({ detail: { ctx } }) => sentAt.set(ctx, changes));
document.addEventListener('htmx:before:response', (event) => {
  const { ctx } = event.detail;
  if (isLook(ctx) && isOld(ctx)) event.preventDefault();
});
document.addEventListener('htmx:finally:request', ({ detail: { ctx } }) => {
  if (isOld(ctx)) document.getElementById(ID)?.dispatchEvent(new Event('change'));
});
