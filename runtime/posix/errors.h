// The only translation from errno to Errc.
#pragma once
#include "core/base/result.h"

namespace faultline::posix {
// Of a file or directory operation.
Error disk_error(int err, const char* where) noexcept;
// Of a socket operation.
Error net_error(int err, const char* where) noexcept;
}  // namespace faultline::posix
