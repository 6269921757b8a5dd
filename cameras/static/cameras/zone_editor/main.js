// Turns each textarea of zones on the page into an editor. Without this script the textarea stays what it is.

import { Editor } from "./editor.js";

for (const root of document.querySelectorAll("[data-zone-editor]")) new Editor(root);
