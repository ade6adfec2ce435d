#include "client/cli/page.h"

#include "absl/strings/str_cat.h"
#include "client/cli/render.h"

namespace loadlock::cli {
namespace {

// A browser on a phone still opens it. Rows are limited before, but each may be long.
constexpr size_t kMaxPageBytes = size_t{4} << 20;
constexpr size_t kMaxText = 2000;
// Levels that open with the page.
constexpr size_t kOpenLevels = 2;

// Only this style may act: the policy keeps everything else out, should an escape ever fail.
constexpr char kHead[] = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #57606a; --line: #d0d7de;
  --good: #1a7f37; --bad: #cf222e; --panel: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --faint: #8d96a0;
  --line: #30363d; --good: #3fb950; --bad: #ff7b72; --panel: #161b22; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.25rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
code, .tree { font: 14px/1.6 ui-monospace, monospace; }
details, .leaf { padding-left: .9rem; border-left: 1px solid var(--line); }
summary { margin-left: -.9rem; padding-left: .3rem; cursor: pointer; min-height: 1.6rem; }
.label { color: var(--faint); } .note, .why { color: var(--faint); }
.trusted { color: var(--good); } .untrusted { color: var(--bad); font-weight: 600; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem;
  padding: .5rem .8rem; margin: .5rem 0; }
</style>
)";

std::string Span(absl::string_view kind, absl::string_view text) {
  if (text.empty()) return "";
  return absl::StrCat("<span class=\"", kind, "\">", HtmlText(text), "</span> ");
}

std::string Badge(const NamedPart& part) {
  return Span(part.trusted ? "trusted" : "untrusted",
              absl::StrCat(part.trusted ? "trusted: " : "not trusted: ", TrustName(part.trust),
                           part.lines.empty() ? "" : ", ", part.lines));
}

std::string RowText(const Inspection& inspection, const InspectedRow& row) {
  return absl::StrCat(Span("label", row.row.label),
                      row.row.text.empty() ? "" : HtmlText(row.row.text), " ",
                      row.part < 0 ? "" : Badge(inspection.names[static_cast<size_t>(row.part)]),
                      Span("note", row.row.note));
}

// Closes levels down to `depth`.
void CloseTo(size_t depth, size_t* open, std::string* out) {
  for (; *open > depth; --*open) absl::StrAppend(out, "</details>\n");
}

std::string Tree(const Inspection& inspection, size_t room) {
  std::string out = "<div class=\"tree\">\n";
  size_t open = 0;
  const auto& rows = inspection.rows;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (out.size() > room) {
      CloseTo(0, &open, &out);
      absl::StrAppend(&out, "<p class=\"note\">... ", rows.size() - i,
                      " more rows are left out: the page is full</p>\n");
      break;
    }
    CloseTo(rows[i].row.depth, &open, &out);
    const bool holds = i + 1 < rows.size() && rows[i + 1].row.depth > rows[i].row.depth;
    const std::string text = RowText(inspection, rows[i]);
    if (holds) {
      absl::StrAppend(&out, "<details", open < kOpenLevels ? " open" : "", "><summary>", text,
                      "</summary>\n");
      ++open;
    } else {
      absl::StrAppend(&out, "<div class=\"leaf\">", text, "</div>\n");
    }
  }
  CloseTo(0, &open, &out);
  return absl::StrCat(out, "</div>\n");
}

std::string Names(const Inspection& inspection, size_t room) {
  std::string out;
  size_t cut = 0;
  for (const NamedPart& part : inspection.names) {
    if (!part.shown) continue;
    if (out.size() > room) {
      ++cut;
      continue;
    }
    absl::StrAppend(&out, "<div class=\"card\"><code>", HtmlText(part.name), "</code><br>",
                    Badge(part), Span("note", Count(part.count, "time")), "<br>",
                    Span("why", part.why), "</div>\n");
  }
  if (cut > 0) absl::StrAppend(&out, "<p class=\"note\">... ", cut, " more names</p>\n");
  return out.empty() ? "<p>No names to show.</p>\n" : out;
}

}  // namespace

std::string HtmlText(absl::string_view text) {
  std::string out;
  for (const char c : Printable(text, kMaxText)) {
    switch (c) {
      case '&':
        absl::StrAppend(&out, "&amp;");
        break;
      case '<':
        absl::StrAppend(&out, "&lt;");
        break;
      case '>':
        absl::StrAppend(&out, "&gt;");
        break;
      case '"':
        absl::StrAppend(&out, "&quot;");
        break;
      case '\'':
        absl::StrAppend(&out, "&#39;");
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string RenderPage(const Outcome& outcome, const Inspection& inspection) {
  const v1::Report& report = outcome.answer->report();
  const bool accepted = outcome.Decision() == ExitCode::kAccepted;
  std::string out = kHead;
  absl::StrAppend(&out, "<title>", HtmlText(outcome.name), "</title>\n</head>\n<body>\n<h1>",
                  HtmlText(outcome.name), ": ",
                  Span(accepted ? "trusted" : "untrusted", accepted ? "accepted" : "refused"),
                  "</h1>\n<p>", HtmlText(report.format()), ", ", HumanBytes(report.size()),
                  ", by policy ", HtmlText(report.policy()), "<br><span class=\"note\">SHA-256 ",
                  HtmlText(report.sha256()), "</span></p>\n");
  if (!inspection.left_out.empty()) {
    absl::StrAppend(&out, "<p class=\"card\">Left out: ", HtmlText(inspection.left_out), "</p>\n");
  }
  absl::StrAppend(&out, "<h2>", accepted ? "Tree" : "Why", "</h2>\n",
                  Tree(inspection, kMaxPageBytes / 2), "<h2>Names</h2>\n",
                  Names(inspection, kMaxPageBytes / 4), "</body>\n</html>\n");
  return out;
}

}  // namespace loadlock::cli
