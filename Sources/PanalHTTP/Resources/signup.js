// The part of an address behind # is never sent to a server nor written to a log: an invitation's token comes by it.
"use strict";
(() => {
  const field = document.getElementById("invitation");
  if (field && location.hash.length > 1 && field.value === "") {
    field.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
    document.getElementById("name").focus();
  }
})();
