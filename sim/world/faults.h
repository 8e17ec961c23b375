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
    // Where a fault's own draws begin: given by its name, so that they do not depend on which other
    // faults there are.
    void set_key(FaultId fault, std::uint64_t key) {
        if (keys_.size() <= fault) keys_.resize(fault + 1);
        keys_[fault] = key;
    }
    std::uint64_t key(FaultId fault) const { return fault < keys_.size() ? keys_[fault] : fault; }
    std::uint64_t effects(FaultId fault) const {
        return fault < effects_.size() ? effects_[fault] : 0;
    }

private:
    Recorder& recorder_;
    const SimDriver& driver_;
    std::vector<std::uint64_t> effects_, keys_;
};
}  // namespace faultline::sim
