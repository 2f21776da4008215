// Keeps a part of a page current: it is asked for again each second, and put in place where it has changed.
"use strict";
(() => {
  const live = document.getElementById("live");
  let etag = null;
  let pause = 1_000;
  const ask = async () => {
    try {
      const headers = etag ? { "If-None-Match": etag } : {};
      const answer = await fetch(live.dataset.live, { headers, credentials: "same-origin", cache: "no-store" });
      if (answer.redirected || answer.status === 403 || answer.headers.get("X-Panal-Final") === "true") {
        location.reload();
        return;
      }
      if (answer.status === 404 && live.dataset.gone) {
        location.assign(live.dataset.gone);
        return;
      }
      // Somebody who is inside with the keyboard is not thrown out of their place.
      if (answer.status === 200 && !live.contains(document.activeElement)) {
        etag = answer.headers.get("ETag");
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        live.replaceChildren(...page.body.childNodes);
      }
      pause = 1_000;
    } catch {
      pause = Math.min(pause * 2, 10_000);
    }
    setTimeout(ask, document.hidden ? 5_000 : pause);
  };
  setTimeout(ask, pause);
})();
