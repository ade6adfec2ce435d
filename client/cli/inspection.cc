#include "client/cli/inspection.h"

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/render.h"

namespace loadlock::cli {
namespace {

constexpr size_t kMaxName = 1000;
constexpr size_t kMaxWhy = 600;
// Of a page or a screen; a report may hold more.
constexpr size_t kMaxNames = 2000;

using Index = std::map<std::string, int, std::less<>>;

// The first error that is about the name.
const v1::Finding* RefusalOf(const v1::Report& report, absl::string_view name) {
  for (const v1::Finding& finding : report.findings()) {
    if (finding.severity() == v1::SEVERITY_ERROR && finding.name() == name &&
        absl::StartsWith(finding.rule_id(), "NAME_")) {
      return &finding;
    }
  }
  return nullptr;
}

NamedPart PartOf(const v1::GlobalUse& use, const v1::Report& report, const PolicyBook& book) {
  const std::string name = absl::StrCat(use.module(), ".", use.name());
  const v1::Finding* refusal = RefusalOf(report, name);
  const v1::Entry* entry = book.Find(name);
  NamedPart part;
  part.name = Printable(name, kMaxName);
  part.trust = use.trust();
  part.trusted = use.trust() != v1::TRUST_UNSPECIFIED && refusal == nullptr;
  part.count = use.count();
  part.lines = book.Lines(name);
  if (refusal != nullptr) {
    part.why = Printable(refusal->message(), kMaxWhy);
  } else if (entry != nullptr) {
    part.why = Printable(entry->why(), kMaxWhy);
  } else {
    part.why = "the policy does not list the name";
  }
  return part;
}

Index AddNames(const v1::Report& report, const PolicyBook& book, Inspection* out) {
  Index index;
  for (const v1::GlobalUse& use : report.globals()) {
    if (out->names.size() == kMaxNames) {
      out->left_out = absl::StrCat(report.globals_size() - static_cast<int>(kMaxNames),
                                   " further names are not shown");
      break;
    }
    index.emplace(absl::StrCat(use.module(), ".", use.name()), static_cast<int>(out->names.size()));
    out->names.push_back(PartOf(use, report, book));
  }
  return index;
}

void LeaveOut(absl::string_view what, Inspection* out) {
  absl::StrAppend(&out->left_out, out->left_out.empty() ? "" : "; ", what);
}

// A row for each error: where, what, and the line that is missing.
void AddRefusals(const v1::Report& report, const Index& index, Inspection* out) {
  for (const v1::Finding& finding : report.findings()) {
    if (finding.severity() != v1::SEVERITY_ERROR) continue;
    const std::string place = finding.object_path().empty()
                                  ? absl::StrCat("byte ", finding.byte_offset())
                                  : Printable(finding.object_path(), kMaxName);
    const auto found = index.find(finding.name());
    TreeRow row{0, place, Printable(finding.message(), kMaxWhy), "", finding.name()};
    row.note = absl::StrCat("[", Printable(finding.rule_id(), 64), "]");
    out->rows.push_back({std::move(row), found == index.end() ? -1 : found->second});
    if (!finding.allow().empty()) {
      out->rows.push_back(
          {{1, "the policy lacks", Printable(finding.allow(), kMaxWhy), "", ""}, -1});
    }
  }
}

bool IsWanted(const Inspection& inspection, const InspectedRow& row, Show show) {
  if (row.part < 0) return false;
  return inspection.names[static_cast<size_t>(row.part)].trusted == (show == Show::kTrusted);
}

// What stands behind a row or in the list of names.
std::string Judgement(const NamedPart& part) {
  return absl::StrCat(TrustName(part.trust), part.lines.empty() ? "" : ", ", part.lines);
}

}  // namespace

Inspection Inspect(const v1::Report& report, const v1::Graph* graph, const PolicyBook& book,
                   const TreeLimits& limits) {
  Inspection inspection;
  const Index index = AddNames(report, book, &inspection);
  if (graph == nullptr) {
    if (report.verdict() == v1::VERDICT_REFUSED) {
      AddRefusals(report, index, &inspection);
      LeaveOut("the tree of a refused file is never handed out, so its places are shown alone",
               &inspection);
    }
    return inspection;
  }
  inspection.vetted = true;
  for (TreeRow& row : TreeRows(*graph, limits)) {
    const auto found = row.name.empty() ? index.end() : index.find(row.name);
    inspection.rows.push_back({std::move(row), found == index.end() ? -1 : found->second});
  }
  // The tree's own notes say how much, and where.
  for (const InspectedRow& row : inspection.rows) {
    if (!absl::StartsWith(row.row.note, "...")) continue;
    LeaveOut("what the tree counts with \"...\" is not shown", &inspection);
    break;
  }
  return inspection;
}

Inspection Narrowed(Inspection inspection, Show show) {
  if (show == Show::kAll) return inspection;
  std::vector<bool> kept(inspection.rows.size(), false);
  // Backwards, a row is kept if something deeper right behind it was.
  size_t needed = 0;
  bool open = false;
  for (size_t i = inspection.rows.size(); i-- > 0;) {
    const size_t depth = inspection.rows[i].row.depth;
    const bool holds = open && depth < needed;
    if (!holds && !IsWanted(inspection, inspection.rows[i], show)) continue;
    kept[i] = true;
    needed = depth;
    open = depth > 0;
  }
  std::vector<InspectedRow> rows;
  for (size_t i = 0; i < kept.size(); ++i) {
    if (kept[i]) rows.push_back(std::move(inspection.rows[i]));
  }
  inspection.rows = std::move(rows);
  // Rows point into the list of names, so it stays as it is.
  for (NamedPart& part : inspection.names) {
    part.shown = part.trusted == (show == Show::kTrusted);
  }
  return inspection;
}

std::string RenderInspection(const Inspection& inspection, const Style& style) {
  std::string out;
  for (const InspectedRow& row : inspection.rows) {
    if (!inspection.vetted) break;
    std::string line = RenderRow(row.row, style);
    if (row.part >= 0) {
      const NamedPart& part = inspection.names[static_cast<size_t>(row.part)];
      line.pop_back();
      absl::StrAppend(&line, "  ",
                      part.trusted ? style.Faint(absl::StrCat("# ", Judgement(part)))
                                   : style.Bad(absl::StrCat("# ", Judgement(part))),
                      "\n");
    }
    absl::StrAppend(&out, line);
  }
  std::string names;
  for (const NamedPart& part : inspection.names) {
    if (!part.shown) continue;
    absl::StrAppend(&names, "  ", part.name, "  ",
                    part.trusted ? style.Faint(Judgement(part)) : style.Bad(Judgement(part)),
                    style.Faint(absl::StrCat(", ", Count(part.count, "time"))), "\n");
    if (part.trusted && !part.why.empty())
      absl::StrAppend(&names, style.Faint(absl::StrCat("    ", part.why)), "\n");
  }
  absl::StrAppend(&out, names.empty() ? "no names to show\n" : absl::StrCat("names:\n", names));
  if (!inspection.left_out.empty()) {
    absl::StrAppend(&out, style.Faint(absl::StrCat("left out: ", inspection.left_out)), "\n");
  }
  return out;
}

std::string JsonInspection(const Outcome& outcome, const Inspection& inspection) {
  std::string report = JsonOutcome(outcome);
  // "}\n" of the report's end.
  report.resize(report.size() - 2);
  std::vector<std::string> names;
  for (const NamedPart& part : inspection.names) {
    if (!part.shown) continue;
    names.push_back(absl::StrCat(R"({"name":)", JsonString(part.name), R"(,"trusted":)",
                                 part.trusted ? "true" : "false", R"(,"trust":)",
                                 JsonString(v1::Trust_Name(part.trust)), R"(,"line":)",
                                 JsonString(part.lines), R"(,"why":)", JsonString(part.why),
                                 R"(,"count":)", part.count, "}"));
  }
  std::vector<std::string> rows;
  for (const InspectedRow& row : inspection.rows) {
    const bool named = row.part >= 0;
    const NamedPart none;
    const NamedPart& part = named ? inspection.names[static_cast<size_t>(row.part)] : none;
    rows.push_back(absl::StrCat(
        R"({"depth":)", row.row.depth, R"(,"label":)", JsonString(row.row.label), R"(,"text":)",
        JsonString(row.row.text), R"(,"note":)", JsonString(row.row.note),
        named ? absl::StrCat(R"(,"name":)", JsonString(part.name), R"(,"trusted":)",
                             part.trusted ? "true" : "false", R"(,"line":)", JsonString(part.lines))
              : "",
        "}"));
  }
  return absl::StrCat(report, R"(,"names":[)", absl::StrJoin(names, ","), R"(],"tree":[)",
                      absl::StrJoin(rows, ","), R"(],"leftOut":)", JsonString(inspection.left_out),
                      "}\n");
}

}  // namespace loadlock::cli
