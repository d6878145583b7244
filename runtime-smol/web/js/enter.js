// The page behind a one-time link: goes on by itself. Written so that old browsers inside other programs understand it, too.
(function () {
  var form = document.forms[0];
  if (form) form.submit();
})();
