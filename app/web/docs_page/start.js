// Swagger UI 5.35.0 (Apache License 2.0), served from here: nothing is loaded from elsewhere.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});

// Dark as the rest of the page is: as the reader chose, or as their system is.
const darkSystem = matchMedia("(prefers-color-scheme: dark)");
function darken() {
  const { theme } = document.documentElement.dataset;
  document.documentElement.classList.toggle("dark-mode", theme === "dark" || (theme === "system" && darkSystem.matches));
}
darkSystem.addEventListener("change", darken);
darken();
