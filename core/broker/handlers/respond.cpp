#include "core/broker/handlers/respond.h"

#include <cstdio>

namespace faultline::broker {

void unwritable(wire::ApiKey api, const char* why, const char* field) {
    std::fprintf(stderr, "faultline: %.*s response, field %s: %s\n",
                 static_cast<int>(to_string(api).size()), to_string(api).data(), field, why);
    FL_UNREACHABLE();
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
