// A click on a field marks its octets, a click on an octet its innermost field; links to messages open them.
"use strict";
function octets(box, buffer) {
  const hex = box.querySelector('.hex[data-b="' + buffer + '"]');
  return hex ? hex.querySelectorAll("i") : [];
}
function mark(box, field) {
  for (const one of box.querySelectorAll(".on")) one.classList.remove("on");
  if (!field) return;
  field.classList.add("on");
  const cells = octets(box, field.dataset.b);
  for (let n = +field.dataset.s; n < +field.dataset.e && n < cells.length; n++) cells[n].classList.add("on");
}
function innermost(box, buffer, at) {
  let best = null, size = Infinity;
  for (const field of box.querySelectorAll('.field[data-b="' + buffer + '"]')) {
    const start = +field.dataset.s, end = +field.dataset.e;
    if (start <= at && at < end && end - start <= size) { best = field; size = end - start; }
  }
  return best;
}
document.addEventListener("click", function (event) {
  const box = event.target.closest(".message");
  if (!box) return;
  if (event.target.classList.contains("field")) mark(box, event.target);
  const hex = event.target.closest(".hex");
  if (hex && event.target.tagName === "I") {
    const at = Array.prototype.indexOf.call(hex.querySelectorAll("i"), event.target);
    const field = innermost(box, hex.dataset.b, at);
    mark(box, field);
    if (field) field.scrollIntoView({ block: "nearest" });
  }
});
document.addEventListener("keydown", function (event) {
  if (event.key === "Enter" && event.target.classList.contains("field")) mark(event.target.closest(".message"), event.target);
});
function open() {
  const target = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
}
window.addEventListener("hashchange", open);
open();
