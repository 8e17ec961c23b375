#include "core/broker/handlers/respond.h"

#include "core/base/assert.h"

namespace faultline::broker {

void unwritable(wire::ApiKey api, const char* why, const char* field) {
    // Printed as "FIELD:API KEY: assertion failed: WHY".
    assert_failed(
        {.expression = why, .file = field, .line = static_cast<int>(api), .invariant = 0});
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
