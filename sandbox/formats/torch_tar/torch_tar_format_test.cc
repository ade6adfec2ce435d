#include "sandbox/formats/torch_tar/torch_tar_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "loadlock/v1/graph.pb.h"
#include "sandbox/formats/testing.h"
#include "sandbox/formats/testing_torch.h"

namespace loadlock::formats {
namespace {

using std::string_literals::operator""s;
using namespace torch_testing;  // NOLINT(google-build-using-namespace): the words of the tests

const std::string kTensorId = "P2\n";  // NOLINT(cert-err58-cpp)

std::vector<TarMember> Members(const std::string& object) {
  return {{"sys_info", Pickle("}")},
          {"pickle", Pickle(object)},
          {"tensors", TarTensors()},
          {"storages", TarStorages()}};
}

std::string RuleOf(const std::vector<TarMember>& members) {
  return Parsed(ToBlob(TarFile(members))).rule();
}

std::string After(const std::function<void(std::vector<TarMember>&)>& change) {
  std::vector<TarMember> members = Members(kTensorId);
  change(members);
  return RuleOf(members);
}

std::string WithTensors(const std::string& content) {
  return After([&](auto& members) { members[2].content = content; });
}

std::string WithStorages(const std::string& content) {
  return After([&](auto& members) { members[3].content = content; });
}

TEST(TorchTarTest, GivesATensorOverARangeOfTheFile) {
  const std::string file = TarFile(Members("}"s + Text("w") + kTensorId + "s"));
  const Blob blob = ToBlob(file);
  const Parsed parsed(blob);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.format(), "torch-tar");
  v1::Graph graph;
  ASSERT_TRUE(graph.ParseFromString(parsed.encoded().graph));
  EXPECT_EQ(graph.kinds(0), v1::NODE_KIND_STORAGE);
  EXPECT_EQ(graph.kinds(1), v1::NODE_KIND_TENSOR);
  EXPECT_EQ(graph.buffer_sources(0), v1::BUFFER_SOURCE_ARTIFACT);
  EXPECT_EQ(graph.buffer_offsets(0), file.find("abcdefgh"));
  EXPECT_EQ(graph.buffer_lengths(0), 8u);
  // Ids as ints, and twice.
  EXPECT_EQ(RuleOf(Members("("s + Int(2) + "Q"s + kTensorId + "t")), "");
}

TEST(TorchTarTest, ViewsMustLieInTheirStorages) {
  EXPECT_EQ(WithTensors(TarTensors(1, {1}, {1})), "");
  EXPECT_EQ(WithTensors(TarTensors(1, {2}, {1})), "ARRAY_BOUNDS");
  EXPECT_EQ(WithTensors(TarTensors(-1, {1}, {1})), "ARRAY_BOUNDS");
  EXPECT_EQ(WithTensors(TarTensors(0, {2}, {2})), "ARRAY_BOUNDS");
  EXPECT_EQ(WithTensors(TarTensors(0, {-2}, {1})), "ARRAY_BOUNDS");
  EXPECT_EQ(WithTensors(TarTensors(0, {int64_t{1} << 40}, {0})), "BUDGET_DECODED");
  EXPECT_EQ(WithTensors(TarTensors(0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1))),
            "ARRAY_BOUNDS");
  const auto view = [](int64_t id, int64_t root, int64_t offset, int64_t elements) {
    return WithStorages(TarStorages("]("s + Ints({id, root, offset, elements}) + "e"));
  };
  // Nothing refers to the view.
  EXPECT_EQ(view(3, 1, 1, 1), "TRAILING_DATA");
  EXPECT_EQ(view(3, 1, 1, 2), "ARRAY_BOUNDS");
  EXPECT_EQ(view(3, 1, -1, 1), "ARRAY_BOUNDS");
  EXPECT_EQ(view(3, 9, 1, 1), "MALFORMED");
  EXPECT_EQ(view(1, 1, 1, 1), "MALFORMED");
}

TEST(TorchTarTest, MembersAreWhole) {
  EXPECT_EQ(WithTensors(TarTensors() + "x"), "TRAILING_DATA");
  EXPECT_EQ(WithTensors(TarTensors().substr(0, 60)), "TRUNCATED");
  EXPECT_EQ(WithStorages(TarStorages() + "x"), "TRAILING_DATA");
  EXPECT_EQ(WithStorages(TarStorages().substr(0, 50)), "TRUNCATED");
  EXPECT_EQ(WithStorages(Pickle(Int(int64_t{1} << 60)) + TarStorages().substr(8)), "MALFORMED");
  EXPECT_EQ(WithStorages(Pickle("N")), "MALFORMED");
  EXPECT_EQ(RuleOf(Members("N")), "TRAILING_DATA");
  EXPECT_EQ(RuleOf(Members("P3\n")), "MALFORMED");
  EXPECT_EQ(RuleOf(Members("P02\n")), "MALFORMED");
  const Blob blob = ToBlob(TarFile(Members(Call("os", "system", Text("id")))));
  EXPECT_TRUE(Parsed(blob).Names("os", "system"));
}

TEST(TorchTarTest, ArchivesThatReadersDifferOnAreRefused) {
  EXPECT_EQ(After([](auto& m) { m.push_back({"pickle", Pickle("N")}); }), "DUPLICATE_MEMBER");
  EXPECT_EQ(After([](auto& m) { m.push_back({"other", "x"}); }), "TRAILING_DATA");
  EXPECT_EQ(After([](auto& m) { m[1].type = '2'; }), "TAR_UNSUPPORTED");
  EXPECT_EQ(After([](auto& m) { m[1].prefix = "folder"; }), "TAR_NAME");
  const auto pax = [](const std::string& content) {
    return After([&](auto& m) { m.insert(m.begin() + 1, {"./PaxHeaders/pickle", content, 'x'}); });
  };
  EXPECT_EQ(pax("22 mtime=1500000000.5\n"), "");
  EXPECT_EQ(pax("14 path=other\n"), "TAR_NAME");
  EXPECT_EQ(pax("10 size=1\n"), "TAR_UNSUPPORTED");
  EXPECT_EQ(pax("21 mtime=1500000000.5\n"), "MALFORMED");
  const std::string file = TarFile(Members(kTensorId));
  EXPECT_EQ(Parsed(ToBlob(file + std::string(10240, '\0'))).rule(), "TRAILING_DATA");
  EXPECT_EQ(Parsed(ToBlob(file.substr(0, file.size() - 512))).rule(), "TRUNCATED");
  std::string hidden = file;
  hidden.back() = 'x';
  EXPECT_EQ(Parsed(ToBlob(hidden)).rule(), "TRAILING_DATA");
}

// torch tries tar first, and every other reader the pickle.
TEST(TorchTarTest, AFileThatIsAPickleTooIsRefused) {
  std::vector<TarMember> members = Members(kTensorId);
  members[0].name = "\x80\x02N.";
  const Blob blob = ToBlob(TarFile(members));
  const Parsed parsed(blob);
  EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT");
  EXPECT_THAT(parsed.message(), testing::HasSubstr("readers differ"));
}

TEST(TorchTarTest, OtherArchivesAreNamed) {
  const Blob blob = ToBlob(TarFile({{"model.pkl", Pickle("N")}}));
  const Parsed parsed(blob);
  EXPECT_EQ(parsed.rule(), "");
  EXPECT_EQ(parsed.format(), "tar");
}

}  // namespace
}  // namespace loadlock::formats
