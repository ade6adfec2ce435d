#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

constexpr uint64_t kHuge = uint64_t{1} << 63;
// Tags of protobuf's wire format: field number << 3 | wire type.
constexpr char kFindingTag = 2 << 3 | 2;
constexpr char kGlobalTag = 3 << 3 | 2;

v1::Finding* Says(Output& o, v1::Severity severity, std::string_view message) {
  v1::Finding* finding = o.result.add_findings();
  finding->set_rule_id("HOSTILE_SAYS");
  finding->set_severity(severity);
  finding->set_message(std::string(message));
  return finding;
}

// A result without a graph, as that of a worker that refuses.
v1::Finding* Refuses(Output& o, std::string_view message) {
  o.graph_bytes = "";
  o.provenance_bytes = "";
  o.decoded.clear();
  return Says(o, v1::SEVERITY_ERROR, message);
}

// `count` empty elements of a repeated message: two bytes each here, a hundred in memory.
std::string Empties(char tag, size_t count) {
  std::string bytes;
  bytes.reserve(2 * count);
  for (size_t i = 0; i < count; ++i) bytes.append({tag, '\0'});
  return bytes;
}

// A finding whose message is these bytes, which a serializer would not write.
std::string FindingWithBytes(std::string_view message) {
  const std::string rule = "HOSTILE_SAYS";
  const auto size = [](size_t bytes) { return std::string(1, static_cast<char>(bytes)); };
  const std::string finding = absl::StrCat("\x0a", size(rule.size()), rule, "\x10\x03\x1a",
                                           size(message.size()), std::string(message));
  return absl::StrCat("\x12", size(finding.size()), finding);
}

void NamesUse(Output& o, std::string_view module, std::string_view name) {
  v1::GlobalUse* use = o.result.add_globals();
  use->set_module(std::string(module));
  use->set_name(std::string(name));
  use->set_count(1);
}

// Every field of a finding, as long as a frame may be and full of bytes that harm a terminal.
void FillsAllTexts(Output& o) {
  const std::string text(200'000, '\x1b');
  v1::Finding* finding = Refuses(o, text);
  finding->set_name(text);
  finding->set_member_path(text);
  finding->set_opcode(text);
  finding->set_object_path(text);
  finding->set_allow(text);
  finding->set_byte_offset(~uint64_t{0});
}

void FloodsWithNotes(Output& o) {
  for (int i = 0; i < 100; ++i) Says(o, v1::SEVERITY_INFO, "nothing to see");
  o.Root(o.List({o.graph.root(), o.Name("posix", "system")}));
}

const std::array kLies = {
    Lie{"result-garbage", [](Output& o) { o.result_bytes = "\x0a\xff\xff\xff\xff\x07 garbage"; }},
    Lie{"result-truncated",
        [](Output& o) {
          Says(o, v1::SEVERITY_INFO, "a note");
          o.Seal();
          o.result_bytes->pop_back();
        }},
    Lie{"result-graph-bytes-huge", [](Output& o) { o.result.set_graph_bytes(kHuge); }},
    Lie{"result-provenance-bytes-huge",
        [](Output& o) { o.result.set_provenance_bytes(~uint64_t{0}); }},
    Lie{"result-decoded-size-huge", [](Output& o) { o.result.set_decoded_size(kHuge); }},
    Lie{"result-decoded-size-one-more",
        [](Output& o) { o.result.set_decoded_size(o.decoded.size() + 1); }},
    Lie{"result-decoded-size-a-page-more",
        [](Output& o) { o.result.set_decoded_size(o.decoded.size() + 4096); }},
    Lie{"result-decoded-size-one-less",
        [](Output& o) { o.result.set_decoded_size(o.decoded.size() - 1); }},
    Lie{"result-accepts-without-graph",
        [](Output& o) {
          o.graph_bytes = "";
          o.provenance_bytes = "";
        }},
    Lie{"result-accepts-a-bad-graph",
        [](Output& o) {
          Says(o, v1::SEVERITY_INFO, "accepted by policy default");
          o.Root(o.List({o.graph.root(), o.Name("posix", "system")}));
        }},
    Lie{"result-error-beside-graph", [](Output& o) { Says(o, v1::SEVERITY_ERROR, "or not"); }},
    Lie{"result-warning-without-graph",
        [](Output& o) { Refuses(o, "or not")->set_severity(v1::SEVERITY_WARNING); }},
    Lie{"result-severity-unknown",
        [](Output& o) { Refuses(o, "")->set_severity(static_cast<v1::Severity>(17)); }},
    Lie{"result-severity-zero",
        [](Output& o) { Refuses(o, "")->set_severity(v1::SEVERITY_UNSPECIFIED); }},
    Lie{"result-rule-empty", [](Output& o) { Refuses(o, "")->clear_rule_id(); }},
    Lie{"result-rule-lower-case", [](Output& o) { Refuses(o, "")->set_rule_id("accepted"); }},
    Lie{"result-rule-long", [](Output& o) { Refuses(o, "")->set_rule_id(std::string(64, 'A')); }},
    Lie{"result-texts-huge", &FillsAllTexts},
    Lie{"result-text-not-utf8",
        [](Output& o) {
          Refuses(o, "first");
          o.result_tail = FindingWithBytes("\xff\xfe\x80");
        }},
    Lie{"result-findings-101",
        [](Output& o) {
          Refuses(o, "first");
          for (int i = 0; i < 100; ++i) Says(o, v1::SEVERITY_ERROR, "more");
        }},
    Lie{"result-findings-million",
        [](Output& o) {
          Refuses(o, "first");
          o.result_tail = Empties(kFindingTag, 1'000'000);
        }},
    Lie{"result-names-million",
        [](Output& o) {
          Refuses(o, "first");
          o.result_tail = Empties(kGlobalTag, 1'000'000);
        }},
    Lie{"result-notes-flood", &FloodsWithNotes},
    Lie{"result-name-empty", [](Output& o) { NamesUse(o, "builtins", ""); }},
    Lie{"result-name-long", [](Output& o) { NamesUse(o, std::string(513, 'm'), "name"); }},
    Lie{"result-name-not-listed", [](Output& o) { NamesUse(o, "posix", "system"); }},
    Lie{"result-name-control", [](Output& o) { NamesUse(o, "posix\n\x1b[2J", "system"); }},
    Lie{"result-format-shape", [](Output& o) { o.result.set_format("<b>pickle</b>"); }},
    Lie{"result-format-long", [](Output& o) { o.result.set_format(std::string(65, 'p')); }},
    Lie{"result-format-other", [](Output& o) { o.result.set_format("npy"); }},
    // Field 31, a varint.
    Lie{"result-unknown-field", [](Output& o) { o.result_tail = "\xf8\x01\x05"; }},
    Lie{"result-unknown-field-huge",
        [](Output& o) {
          // Field 31, a million bytes.
          o.result_tail = absl::StrCat("\xfa\x01\xc0\x84\x3d", std::string(1'000'000, 'x'));
        }},
    Lie{"provenance-short", [](Output& o) { o.provenance.add_node_offsets(1); }},
    Lie{"provenance-long",
        [](Output& o) {
          for (int i = 0; i <= o.graph.kinds_size(); ++i) {
            o.provenance.add_node_offsets(1);
            o.provenance.add_node_opcodes(1);
          }
        }},
    Lie{"provenance-garbage", [](Output& o) { o.provenance_bytes = "\xff\xff garbage"; }},
    Lie{"provenance-unknown-field", [](Output& o) { o.provenance_tail = "\xf8\x01\x05"; }},
    // Field 1 as fixed64: a known number, another type.
    Lie{"provenance-wrong-wire-type",
        [](Output& o) { o.provenance_tail = absl::StrCat("\x09", std::string(8, 'x')); }},
    Lie{"provenance-lies",
        [](Output& o) {
          o.Root(o.List({o.graph.root(), o.Name("posix", "system")}));
          for (int i = 0; i < o.graph.kinds_size(); ++i) {
            o.provenance.add_node_offsets(~uint64_t{0});
            o.provenance.add_node_opcodes(~uint32_t{0});
          }
        }},
    Lie{"provenance-many-offsets",
        [](Output& o) {
          // Twenty million numbers of one byte, packed: eight times as much in memory.
          o.provenance_bytes = absl::StrCat("\x0a\x80\xda\xc4\x09", std::string(20'000'000, '\1'));
        }},
};

}  // namespace

std::span<const Lie> ResultLies() { return kLies; }

}  // namespace loadlock::hostile
