// Prints the files of a log for people, in the words of Kafka's dump tool.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/env/disk.h"

namespace faultline::storage {

struct DumpOptions {
    bool records = false;  // also each record, with its key and value (--print-data-log)
    bool deep = false;     // also each record, without key and value (--deep-iteration)
};

// One line at a time, without its end.
using DumpLine = std::function<void(std::string_view)>;

// A .log is printed batch by batch, and checked against its .index and .timeindex where they stand
// beside it; an .index or .timeindex alone is printed entry by entry, with their order checked.
// True: nothing is wrong. Prints what is wrong and goes on where it can. Parks. invalid: another
// kind of file; not_found; io.
Result<bool> dump_file(Disk&, const std::string& path, const DumpOptions&, const DumpLine&);
}  // namespace faultline::storage
