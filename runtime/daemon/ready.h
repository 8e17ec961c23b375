// Telling whoever started the daemon that it is ready, or stopping.
#pragma once
#include <string_view>

namespace faultline::daemon {

// The line to standard output, to `fd` (which is then closed; -1: none) and READY=1 to the
// supervisor that NOTIFY_SOCKET names. Best effort: a supervisor that went away is no error.
void tell_ready(std::string_view line, int fd);
// STOPPING=1 to the supervisor.
void tell_stopping();
}  // namespace faultline::daemon
