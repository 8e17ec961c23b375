#include "core/broker/handlers/respond.h"

namespace faultline::broker {

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
