#include "client/cli/gate.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ostream>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/gate_source.h"
#include "client/cli/gate_target.h"
#include "client/cli/patience.h"
#include "client/cli/render.h"
#include "client/cpp/errors.h"
#include "client/cpp/fd.h"

namespace loadlock::cli {
namespace {

// What a kubelet reads.
constexpr size_t kMaxTermination = 4096;

struct Way {
  GateSource source;
  GateTarget target;
};

v1::Finding Refusing(absl::string_view rule, std::string message) {
  v1::Finding finding;
  finding.set_rule_id(std::string(rule));
  finding.set_severity(v1::SEVERITY_ERROR);
  finding.set_message(std::move(message));
  return finding;
}

// The format without what it is compressed with.
std::string Inner(const std::string& format) { return format.substr(0, format.find('+')); }

bool HasName(const v1::Report& report, v1::Trust trust) {
  const auto& names = report.globals();
  return std::any_of(names.begin(), names.end(),
                     [trust](const auto& name) { return name.trust() == trust; });
}

// Formats whose loaders run nothing of the file. Another loader of pickles runs every opcode, also
// those whose results are thrown away, and believes what loadlock makes anew.
bool RunsNothing(const v1::Report& report, const std::string& format) {
  constexpr std::array<absl::string_view, 4> kPlain = {"safetensors", "safetensors-index", "gguf",
                                                       "skops"};
  if (std::find(kPlain.begin(), kPlain.end(), format) != kPlain.end()) return true;
  // An array of objects is a pickle.
  return (format == "npy" || format == "npz") && report.globals().empty();
}

absl::StatusOr<Way> OpenWay(const std::string& from, const std::string& to,
                            const std::vector<std::string>& leave_out) {
  absl::StatusOr<GateSource> source = GateSource::Open(from, leave_out);
  if (!source.ok()) return source.status();
  std::set<std::string> files;
  for (const GateFile& file : source->files()) files.insert(file.relative);
  absl::StatusOr<GateTarget> target = GateTarget::Open(to, files);
  if (!target.ok()) return target.status();
  const std::string below_source = absl::StrCat(source->folder(), "/");
  const std::string below_target = absl::StrCat(target->folder(), "/");
  if (absl::StartsWith(below_target, below_source) ||
      absl::StartsWith(below_source, below_target)) {
    return absl::InvalidArgumentError(
        absl::StrCat(to, ": must lie apart from the folder of ", from));
  }
  return Way{*std::move(source), *std::move(target)};
}

// Vets one file and stages what was vetted.
absl::StatusOr<v1::Report> Pass(const Options& options, const client::Client& client,
                                const GateFile& file, Way& way) {
  if (!file.problem.ok()) return file.problem;
  if (!IsUtf8(file.path)) return absl::InvalidArgumentError("its name is not UTF-8");
  const absl::StatusOr<GateSource::Identity> before = way.source.Identify(file);
  if (!before.ok()) return before.status();
  client::LoadOptions load;
  load.policy = options.policy;
  absl::StatusOr<client::VetResult> vetted = Patiently([&] { return client.Vet(file.path, load); });
  if (!vetted.ok()) return vetted.status();
  if (auto* refused = std::get_if<client::Refused>(&*vetted)) return std::move(refused->report);
  const absl::StatusOr<GateSource::Identity> after = way.source.Identify(file);
  if (!after.ok()) return after.status();
  if (*before != *after) return absl::AbortedError("it was exchanged while it was vetted");
  auto& accepted = std::get<client::VettedFile>(*vetted);
  std::optional<v1::Finding> why_not = WhyNotAsIs(accepted.report, options.keep_n_jobs);
  if (why_not) {
    accepted.report.set_verdict(v1::VERDICT_REFUSED);
    *accepted.report.add_findings() = *std::move(why_not);
    return std::move(accepted.report);
  }
  absl::Status staged = way.target.Stage(file.relative, accepted.bytes.bytes());
  if (!staged.ok()) return staged;
  return std::move(accepted.report);
}

// The first reason, in one line.
std::string ReasonOf(const Outcome& outcome) {
  std::string why;
  if (!outcome.answer.ok()) {
    why = absl::StrCat("could not be decided: ", ErrorText(outcome.answer.status()));
  } else {
    const auto& findings = outcome.answer->report().findings();
    const auto first = std::find_if(findings.begin(), findings.end(), [](const auto& finding) {
      return finding.severity() == v1::SEVERITY_ERROR;
    });
    why = "refused";
    if (first != findings.end()) {
      absl::StrAppend(&why, ": ", first->message(), " [", first->rule_id(), "]");
    }
  }
  return absl::StrCat(outcome.name, ": ", why);
}

// Says it once more as the last line, and to the kubelet.
void Conclude(const Options& options, const std::string& line, std::ostream& err) {
  err << "loadlock gate: " << Printable(line) << "\n";
  const absl::Status written = WriteTermination(options.termination_message, line);
  if (!written.ok()) err << "loadlock: " << Printable(written.message()) << "\n";
}

}  // namespace

std::optional<v1::Finding> WhyNotAsIs(const v1::Report& report, bool keep_n_jobs) {
  const std::string format = Inner(report.format());
  const bool rewritten = format == "xgboost-json" || format == "xgboost-ubjson" ||
                         format == "lightgbm" || HasName(report, v1::TRUST_REWRITTEN);
  if (rewritten) {
    return Refusing("GATE_REWRITTEN",
                    "it is accepted because loadlock writes boosters anew at loading; the file's "
                    "own bytes would reach their library's parser (load it by loadlock)");
  }
  if (format == "zip" || format == "tar") {
    return Refusing("GATE_ARCHIVE",
                    "an archive of models is handed on as a whole, and some kinds of models must "
                    "not be; unpack it and vet the files");
  }
  if (!RunsNothing(report, format)) {
    return Refusing("GATE_PICKLE",
                    "another loader runs all opcodes of the file again, also those whose results "
                    "are thrown away, which nobody judged; load it by loadlock, or hand on what "
                    "loadlock's convert makes of it (skops, safetensors)");
  }
  if (HasName(report, v1::TRUST_BY_NAME_AND_PARAMS)) {
    return Refusing("GATE_REPLACED",
                    "it is accepted because loadlock makes an object anew from its parameters; "
                    "another loader believes its state");
  }
  for (const v1::Finding& finding : report.findings()) {
    if (finding.rule_id() == "MORE_FINDINGS") {
      return Refusing("GATE_REPLACED", "more is replaced at loading than the report tells");
    }
    if (finding.rule_id() != "VALUE_FORCED") continue;
    if (keep_n_jobs && absl::EndsWith(finding.object_path(), ".n_jobs")) continue;
    return Refusing(
        "GATE_REPLACED",
        absl::StrCat("it is accepted because loadlock changes it at loading, and another loader "
                     "would not: ",
                     finding.object_path(), ": ", finding.message(),
                     absl::EndsWith(finding.object_path(), ".n_jobs")
                         ? " (--keep-n-jobs hands it on)"
                         : ""));
  }
  return std::nullopt;
}

ExitCode RunGate(const Options& options, const client::Client& client, const Terminal& terminal,
                 std::ostream& err) {
  std::vector<Way> ways;
  for (size_t i = 0; i + 1 < options.paths.size(); i += 2) {
    absl::StatusOr<Way> way = OpenWay(options.paths[i], options.paths[i + 1], options.leave_out);
    if (!way.ok()) {
      Conclude(options, std::string(way.status().message()), err);
      return ExitCode::kUndecided;
    }
    ways.push_back(*std::move(way));
  }
  Summary summary;
  std::string first_reason;
  for (Way& way : ways) {
    for (const GateFile& file : way.source.files()) {
      Outcome outcome{file.name, v1::AuditModelResponse()};
      absl::StatusOr<v1::Report> report = Pass(options, client, file, way);
      if (report.ok()) {
        *outcome.answer->mutable_report() = *std::move(report);
        outcome.answer->mutable_report()->set_path(Printable(file.name));
      } else {
        outcome.answer = report.status();
      }
      summary.Add(outcome.Decision());
      const bool accepted = outcome.Decision() == ExitCode::kAccepted;
      if (!accepted && first_reason.empty()) first_reason = ReasonOf(outcome);
      if (options.json || !options.quiet || !accepted) {
        *terminal.out << (options.json ? JsonOutcome(outcome)
                                       : RenderOutcome(outcome, terminal.style))
                      << std::flush;
      }
    }
    for (const std::string& name : way.source.left_out()) {
      err << "loadlock: " << Printable(name) << ": left out, as --leave-out says\n";
    }
  }
  if (summary.Decision() != ExitCode::kAccepted) {
    const uint64_t bad = summary.refused + summary.undecided;
    Conclude(
        options,
        absl::StrCat(bad > 1 ? absl::StrCat(Count(bad, "file"), ", first ") : "", first_reason),
        err);
    return summary.Decision();
  }
  for (Way& way : ways) {
    if (absl::Status placed = way.target.Commit(); !placed.ok()) {
      for (Way& earlier : ways) earlier.target.Withdraw();
      Conclude(options, std::string(placed.message()), err);
      return ExitCode::kUndecided;
    }
  }
  Conclude(options, absl::StrCat(Count(summary.accepted, "file"), " vetted and copied"), err);
  return ExitCode::kAccepted;
}

absl::Status WriteTermination(const std::string& path, absl::string_view line) {
  if (path.empty()) return absl::OkStatus();
  std::string text = Printable(line, kMaxTermination);
  text.resize(std::min(text.size(), kMaxTermination));
  const client::Fd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0644));
  if (!fd.valid() || write(fd.get(), text.data(), text.size()) < 0) {
    return absl::UnavailableError(absl::StrCat(path, ": ", SystemError(errno).message()));
  }
  return absl::OkStatus();
}

}  // namespace loadlock::cli
