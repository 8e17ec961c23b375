#include "core/env/disk.h"

namespace faultline {

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> replace_file(Disk& disk, const std::string& path, const IoBuf& content) {
    const std::string fresh = path + ".tmp";
    {
        FL_TRY(FileRef file, disk.open(fresh, OpenMode::create));
        FL_CHECK(file->truncate(0));
        FL_CHECK(file->write(0, content));
        FL_CHECK(file->sync(SyncMode::data_and_metadata));
    }
    FL_CHECK(disk.rename(fresh, path));
    return disk.sync_dir(parent_of(path));
}

Result<IoBuf> read_file(Disk& disk, const std::string& path, std::size_t limit) {
    FL_TRY(FileRef file, disk.open(path, OpenMode::read));
    FL_TRY(const std::uint64_t size, file->size());
    if (size > limit) return Error{Errc::too_large, 0, "disk.read_file"};
    return file->read(0, size);
}

Result<void> create_dirs(Disk& disk, const std::string& path) {
    if (path.empty() || path == "." || path == "/") return {};
    const auto made = disk.create_dir(path);
    if (made.ok()) return disk.sync_dir(parent_of(path));
    if (made.code() == Errc::exists) return {};
    if (made.code() != Errc::not_found) return made.error();
    FL_CHECK(create_dirs(disk, parent_of(path)));
    FL_CHECK(disk.create_dir(path));
    return disk.sync_dir(parent_of(path));
}
}  // namespace faultline
