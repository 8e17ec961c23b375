#include "core/storage/log_dir.h"

namespace faultline::storage {

Error LogDir::note(Error error) {
    if (error.code == Errc::io && !failed_) {
        failed_ = true;
        context_.probe.reached(probe::Site::log_dir_failed);
        context_.log.error("log directory {} failed: {}; it accepts no writes until a restart",
                           path_, to_string(error));
        context_.probe.emit([&] { return probe::LogDirFailed{index_, error.sys}; });
    }
    if (error.code == Errc::no_space) {
        context_.probe.reached(probe::Site::append_refused_disk_full);
        if (!full_) {
            full_ = true;
            context_.log.error("log directory {} is full: writes are refused, reads go on", path_);
            context_.probe.emit([&] { return probe::DiskFull{index_, true}; });
        }
    }
    return error;
}

void LogDir::note_success() {
    if (!full_) return;
    full_ = false;
    context_.probe.reached(probe::Site::log_dir_has_space_again);
    context_.log.info("log directory {} has space again", path_);
    context_.probe.emit([&] { return probe::DiskFull{index_, false}; });
}
}  // namespace faultline::storage
