#include "core/broker/handlers/respond.h"

#include <fmt/format.h>

namespace faultline::broker {

std::string unwritable(wire::ApiKey api, wire::Version version, const char* why,
                       const char* field) {
    return fmt::format("the answer to API {} in version {} cannot be written: {} ({})",
                       static_cast<int>(api), version.v, why, field);
}

OutBuf fill(wire::Encoded encoded, Holes holes) {
    OutBuf out;
    for (auto& part : encoded.parts) {
        if (auto* slice = std::get_if<Slice>(&part)) {
            out.add(std::move(*slice));
            continue;
        }
        for (FileSlice& f : holes[std::get<wire::External>(part).token]) out.add(std::move(f));
    }
    return out;
}
}  // namespace faultline::broker
