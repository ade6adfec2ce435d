#ifndef LOADLOCK_SANDBOX_DECODERS_ARCHIVE_NAME_H_
#define LOADLOCK_SANDBOX_DECODERS_ARCHIVE_NAME_H_

#include <cstddef>
#include <string_view>

namespace loadlock::archive {

// Linux has 255 bytes a component and 4,096 a path; torch prefixes names with the file's.
inline constexpr size_t kMaxName = 1024;

// What says that a name is UTF-8. ASCII needs nothing.
enum class Encoding { kUnknown, kUtf8 };

// Null if the name of a member is one that every reader understands alike, else what is wrong with
// it: a path of plain components in UTF-8, not absolute, without "..", backslash, drive or control
// characters.
const char* NameProblem(std::string_view name, Encoding encoding);

}  // namespace loadlock::archive

#endif  // LOADLOCK_SANDBOX_DECODERS_ARCHIVE_NAME_H_
