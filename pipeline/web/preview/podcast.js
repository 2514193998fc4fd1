/* Chapters and lines of the transcript move the player, and follow it. */
(function () {
  "use strict";
  var audio = document.querySelector("audio");
  if (!audio) { return; }
  var groups = [".marks", ".lines"].map(function (name) { return Array.from(document.querySelectorAll(name + " [data-start]")); });
  document.addEventListener("click", function (event) {
    var mark = event.target.closest("[data-start]");
    if (mark) { audio.currentTime = Number(mark.dataset.start); audio.play(); }
  });
  audio.addEventListener("timeupdate", function () {
    groups.forEach(function (marks) {
      var here = marks.filter(function (mark) { return Number(mark.dataset.start) <= audio.currentTime + 0.05; }).pop();
      marks.forEach(function (mark) { if (mark === here) { mark.setAttribute("aria-current", "true"); } else { mark.removeAttribute("aria-current"); } });
    });
  });
})();
