#include "core/base/result.h"

#include <fmt/format.h>

namespace faultline {

std::string_view to_string(Errc code) noexcept {
    switch (code) {
        case Errc::cancelled: return "cancelled";
        case Errc::timed_out: return "timed_out";
        case Errc::closed: return "closed";
        case Errc::unreachable: return "unreachable";
        case Errc::not_found: return "not_found";
        case Errc::exists: return "exists";
        case Errc::no_space: return "no_space";
        case Errc::io: return "io";
        case Errc::corrupt: return "corrupt";
        case Errc::too_large: return "too_large";
        case Errc::busy: return "busy";
        case Errc::invalid: return "invalid";
        case Errc::not_owner: return "not_owner";
        case Errc::fenced: return "fenced";
    }
    return "unknown";
}

std::string to_string(const Error& e) {
    if (e.sys != 0) return fmt::format("{} at {} (errno {})", to_string(e.code), e.where, e.sys);
    return fmt::format("{} at {}", to_string(e.code), e.where);
}
}  // namespace faultline
