// Keeps the page of an unfinished job current: it asks for the page's inner part again and puts it in place.
// When the job is final the server says so, and the page is loaded once more as a whole.
"use strict";
(() => {
  const live = document.getElementById("live");
  const address = live && live.dataset.live;
  if (!address) return;
  let etag = null;
  let pause = 500;

  // Output is followed to its end, unless somebody has scrolled up to read.
  const tails = () => Array.from(live.querySelectorAll("pre[data-tail]"));
  const isAtEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const follow = (places) => tails().forEach((box, i) => {
    box.scrollTop = places && places[i] !== null && places[i] !== undefined ? places[i] : box.scrollHeight;
  });
  follow();

  const ask = async () => {
    try {
      const headers = etag ? { "If-None-Match": etag } : {};
      const answer = await fetch(address, { headers, credentials: "same-origin", cache: "no-store" });
      if (answer.headers.get("X-Panal-Final") === "true" || answer.redirected || answer.status === 404) {
        location.reload();
        return;
      }
      if (answer.status === 200) {
        const text = await answer.text();
        // Somebody who is inside with the keyboard is not thrown out of their place.
        if (!live.contains(document.activeElement)) {
          etag = answer.headers.get("ETag");
          const places = tails().map((box) => (isAtEnd(box) ? null : box.scrollTop));
          live.innerHTML = text;
          follow(places);
        }
        pause = 500;
      } else {
        pause = Math.min(pause * 1.5, 5000);
      }
    } catch {
      pause = Math.min(pause * 2, 10000);
    }
    setTimeout(ask, pause);
  };
  setTimeout(ask, pause);
})();
