import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import globals from "globals";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["node_modules"] },
  js.configs.recommended,
  {
    files: ["src/**/*.{ts,tsx}", "tests/**/*.ts", "vite.config.ts"],
    extends: [...ts.configs.strict],
    plugins: { "react-hooks": hooks },
    languageOptions: { globals: globals.browser },
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true }],
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "no-restricted-properties": ["error", { property: "innerHTML", message: "text from data is never HTML" }, { property: "outerHTML", message: "text from data is never HTML" }],
      "no-restricted-syntax": ["error", { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "text from data is never HTML" }],
    },
  },
  { files: ["dev/**/*.mjs", "eslint.config.js"], languageOptions: { globals: { ...globals.node, document: "readonly", window: "readonly", requestAnimationFrame: "readonly" } }, rules: { "no-unused-vars": ["error", { ignoreRestSiblings: true }] } },
);
