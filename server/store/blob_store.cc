#include "server/store/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/faults/fault_point.h"
#include "server/observe/error.h"
#include "server/store/sha256.h"

namespace loadlock::store {
namespace {

using channel::UniqueFd;

constexpr size_t kReadBytes = size_t{256} << 10;

absl::Status OpenError(absl::string_view what) {
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOSPC || errno == EDQUOT) {
    return observe::Error(absl::StatusCode::kResourceExhausted, "OUT_OF_DESCRIPTORS_OR_MEMORY",
                          absl::StrCat(what, ": the system has no descriptors or space left"));
  }
  return absl::ErrnoToStatus(errno, what);
}

absl::Status Gone() { return absl::NotFoundError("the store does not have these bytes"); }

absl::StatusOr<UniqueFd> OpenToRead(int folder, const std::string& name) {
  UniqueFd fd(openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return OpenError("a file of the store");
  return fd;
}

absl::StatusOr<std::string> DigestOf(int fd, uint64_t size) {
  Sha256 hash;
  const auto buffer = std::make_unique_for_overwrite<uint8_t[]>(kReadBytes);
  uint64_t done = 0;
  while (done < size) {
    const ssize_t got = pread(fd, buffer.get(), kReadBytes, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return absl::DataLossError("a file of the store cannot be read");
    hash.Update(absl::MakeConstSpan(buffer.get(), static_cast<size_t>(got)));
    done += static_cast<uint64_t>(got);
  }
  return hash.FinishHex();
}

}  // namespace

NewBlob::~NewBlob() {
  if (!name_.empty()) store_->GiveUp(name_, size_);
}

absl::StatusOr<UniqueFd> NewBlob::Seal() {
  if (fchmod(writer_.get(), S_IRUSR) != 0) return absl::ErrnoToStatus(errno, "fchmod");
  absl::StatusOr<UniqueFd> reader = OpenToRead(store_->folder_.get(), name_);
  if (!reader.ok()) return reader;
  const absl::StatusOr<FileIdentity> written = IdentityOf(writer_.get());
  const absl::StatusOr<FileIdentity> read = IdentityOf(reader->get());
  if (!written.ok() || !read.ok() || written->inode != read->inode ||
      written->device != read->device) {
    return absl::InternalError("a file of the store was replaced");
  }
  writer_.Reset();
  return reader;
}

absl::StatusOr<std::unique_ptr<BlobStore>> BlobStore::Open(UniqueFd folder, uint64_t max_bytes,
                                                           Background* background) {
  std::unique_ptr<BlobStore> store(new BlobStore(std::move(folder), max_bytes, background));
  if (absl::Status status = store->Load(); !status.ok()) return status;
  return store;
}

// What is still to be done holds the store.
BlobStore::~BlobStore() { background_->AwaitIdle(); }

absl::Status BlobStore::Load() {
  absl::StatusOr<std::vector<ListedFile>> files = ListAndClean(folder_.get());
  if (!files.ok()) return files.status();
  const std::lock_guard lock(mutex_);
  for (const ListedFile& file : *files) {
    if (!IsSha256Hex(file.name)) {
      unlinkat(folder_.get(), file.name.c_str(), 0);
      continue;
    }
    bytes_ += file.id.size;
    Insert(file.name, Entry{.name = file.name, .id = file.id});
  }
  MakeRoom(0);
  return absl::OkStatus();
}

BlobStore::Entries::iterator BlobStore::Insert(const std::string& sha256, Entry entry) {
  order_.push_front(sha256);
  entry.use = order_.begin();
  return entries_.insert_or_assign(sha256, std::move(entry)).first;
}

void BlobStore::Remove(Entries::iterator entry) {
  unlinkat(folder_.get(), entry->second.name.c_str(), 0);
  bytes_ -= entry->second.id.size;
  order_.erase(entry->second.use);
  entries_.erase(entry);
}

bool BlobStore::MakeRoom(uint64_t size) {
  uint64_t stays = bytes_;
  for (const auto& [sha256, entry] : entries_) {
    if (entry.held.expired()) stays -= entry.id.size;
  }
  // Nothing is removed for what will not fit.
  if (size > max_bytes_ || (size > 0 && stays > max_bytes_ - size)) return false;
  for (auto use = order_.end(); bytes_ > max_bytes_ - size && use != order_.begin();) {
    --use;
    const auto entry = entries_.find(*use);
    if (!entry->second.held.expired()) continue;
    ++use;  // Remains when the one before it goes.
    Remove(entry);
    faults::FaultPoint(faults::Stage::kStoreEvicted);
  }
  return bytes_ <= max_bytes_ - size;
}

absl::StatusOr<std::unique_ptr<NewBlob>> BlobStore::Create(uint64_t size) {
  std::unique_ptr<NewBlob> blob;
  {
    const std::lock_guard lock(mutex_);
    if (!MakeRoom(size)) {
      return observe::LimitReached(
          "store.max_bytes", max_bytes_,
          absl::StrCat("the artifact takes ", size,
                       " bytes on disk, and what is loaded and being loaded leaves less; unload "
                       "models"));
    }
    bytes_ += size;
    blob.reset(new NewBlob(this, absl::StrCat(kTemporary, ++made_), size));
  }
  blob->writer_.Reset(openat(folder_.get(), blob->name_.c_str(),
                             O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                             S_IRUSR | S_IWUSR));
  if (!blob->writer_.valid()) return OpenError("a file of the store");
  return blob;
}

void BlobStore::GiveUp(const std::string& name, uint64_t size) {
  unlinkat(folder_.get(), name.c_str(), 0);
  const std::lock_guard lock(mutex_);
  bytes_ -= size;
}

absl::StatusOr<std::shared_ptr<const Blob>> BlobStore::Keep(std::unique_ptr<NewBlob> blob,
                                                            UniqueFd fd,
                                                            const std::string& sha256) {
  const absl::StatusOr<FileIdentity> id = IdentityOf(fd.get());
  if (!id.ok()) return id.status();
  if (id->size != blob->size_) return absl::InternalError("a file of the store has another size");
  const int to_sync = fcntl(fd.get(), F_DUPFD_CLOEXEC, 3);
  if (to_sync < 0) return OpenError("a file of the store");
  auto sync = std::make_shared<UniqueFd>(to_sync);
  auto held = std::make_shared<const Blob>(Blob{std::move(fd), id->size, sha256});
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(sha256);
  if (found != entries_.end()) {
    // Somebody else was quicker; what was found on the disk and never read is not as good.
    if (found->second.verified) {
      absl::StatusOr<std::shared_ptr<const Blob>> other = Hold(found);
      const absl::StatusOr<FileIdentity> now =
          other.ok() ? IdentityOf((*other)->fd.get()) : absl::StatusOr<FileIdentity>(Gone());
      if (now.ok() && *now == found->second.id) return other;
    }
    Remove(found);
  }
  const std::string temporary = std::exchange(blob->name_, "");
  Insert(sha256, Entry{.name = temporary, .id = *id, .verified = true, .held = held});
  background_->Do([this, sha256, temporary, sync] { Publish(sha256, temporary, sync->get()); });
  return held;
}

void BlobStore::Publish(const std::string& sha256, const std::string& temporary, int fd) {
  const bool there = [&] {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(sha256);
    return entry != entries_.end() && entry->second.name == temporary;
  }();
  if (!there) return;  // Removed in the meantime.
  faults::FaultPoint(faults::Stage::kStoreWritten);
  const bool synced = fsync(fd) == 0;
  faults::FaultPoint(faults::Stage::kStoreSynced);
  {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(sha256);
    if (entry == entries_.end() || entry->second.name != temporary) return;
    const int folder = folder_.get();
    // The name changes one of the times.
    const absl::StatusOr<FileIdentity> before = IdentityOf(fd);
    if (!synced || renameat(folder, temporary.c_str(), folder, sha256.c_str()) != 0) {
      return Remove(entry);
    }
    entry->second.name = sha256;
    const absl::StatusOr<FileIdentity> after = IdentityOf(fd);
    // Otherwise the next to find it reads it again.
    if (before.ok() && after.ok() && *before == entry->second.id) entry->second.id = *after;
  }
  faults::FaultPoint(faults::Stage::kStoreNamed);
  // If this fails the name may be missing after a crash.
  (void)fsync(folder_.get());
  faults::FaultPoint(faults::Stage::kStoreKept);
}

bool BlobStore::Has(const std::string& sha256, uint64_t size) const {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(sha256);
  return entry != entries_.end() && entry->second.id.size == size;
}

absl::StatusOr<std::shared_ptr<const Blob>> BlobStore::Hold(Entries::iterator entry) {
  order_.splice(order_.begin(), order_, entry->second.use);
  if (std::shared_ptr<const Blob> held = entry->second.held.lock()) return held;
  absl::StatusOr<UniqueFd> fd = OpenToRead(folder_.get(), entry->second.name);
  if (!fd.ok()) return fd.status();
  auto held =
      std::make_shared<const Blob>(Blob{*std::move(fd), entry->second.id.size, entry->first});
  entry->second.held = held;
  return held;
}

absl::StatusOr<std::shared_ptr<const Blob>> BlobStore::Find(const std::string& sha256) {
  std::shared_ptr<const Blob> blob;
  FileIdentity now;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(sha256);
    if (entry == entries_.end()) return Gone();
    absl::StatusOr<std::shared_ptr<const Blob>> held = Hold(entry);
    if (absl::IsResourceExhausted(held.status())) return held.status();
    const absl::StatusOr<FileIdentity> id =
        held.ok() ? IdentityOf((*held)->fd.get()) : absl::StatusOr<FileIdentity>(Gone());
    if (!id.ok() || id->size != entry->second.id.size) {
      Remove(entry);
      return Gone();
    }
    blob = *std::move(held);
    now = *id;
    if (entry->second.verified && now == entry->second.id) return blob;
    entry->second.verified = false;
  }
  if (absl::Status status = Verify(*blob, now); !status.ok()) return status;
  return blob;
}

// Reads it once more; `id` is what it was before. What is not as it should be is removed.
absl::Status BlobStore::Verify(const Blob& blob, const FileIdentity& id) {
  const absl::StatusOr<std::string> digest = DigestOf(blob.fd.get(), blob.size);
  const absl::StatusOr<FileIdentity> after = IdentityOf(blob.fd.get());
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(blob.sha256);
  if (entry == entries_.end() || entry->second.held.lock().get() != &blob) return Gone();
  if (!digest.ok() || !after.ok() || *digest != blob.sha256 || after->size != blob.size) {
    Remove(entry);
    return Gone();
  }
  // A change while it was read is read again next time.
  entry->second.id = id;
  entry->second.verified = *after == id;
  return entry->second.verified ? absl::OkStatus() : Gone();
}

void BlobStore::Demote(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(sha256);
  if (entry != entries_.end()) order_.splice(order_.end(), order_, entry->second.use);
}

StoreUse BlobStore::use() const {
  const std::lock_guard lock(mutex_);
  return {.files = entries_.size(), .bytes = bytes_};
}

}  // namespace loadlock::store
