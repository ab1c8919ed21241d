import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./page/App";
import { LastResort } from "./page/LastResort";
import { applyTheme } from "./model/theme";
import "uplot/dist/uPlot.min.css";
import "./styles/theme.css";
import "./styles/frame.css";
import "./styles/widgets.css";
import "./styles/overview.css";

applyTheme();
const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode><LastResort><App /></LastResort></StrictMode>);
