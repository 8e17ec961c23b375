// Which fault did what. Every fault counts its effects; one without effect proves nothing.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/trace/recorder.h"
#include "sim/world/sim_driver.h"

namespace faultline::sim {

using FaultId = std::uint32_t;
inline constexpr FaultId kNoFault = UINT32_MAX;

class FaultLog {
public:
    FaultLog(Recorder& recorder, const SimDriver& driver) : recorder_(recorder), driver_(driver) {}
    void effect(FaultId fault, NodeId node, std::string_view what) {
        if (fault == kNoFault) return;
        if (effects_.size() <= fault) effects_.resize(fault + 1);
        ++effects_[fault];
        recorder_.record(driver_.now(), FaultEffect{fault, node, recorder_.intern(what)});
    }
    std::uint64_t effects(FaultId fault) const {
        return fault < effects_.size() ? effects_[fault] : 0;
    }

private:
    Recorder& recorder_;
    const SimDriver& driver_;
    std::vector<std::uint64_t> effects_;
};
}  // namespace faultline::sim
