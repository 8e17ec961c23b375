// Work on partitions, brought to the shards that own them.
#pragma once
#include <utility>
#include <vector>

#include "core/base/small_vec.h"
#include "core/broker/shard.h"
#include "core/wire/error_map.h"

namespace faultline::broker {

// Hands each shard its parts, once, and puts the answers back in order. One shard after the other:
// the calls are short. `fn` (Shard&, parts of that shard) -> one Answer for each; it may run on
// another shard, so it captures values only. Answers of a shard that did not answer are `failed`
// with why. Parks.
template <class Part, class Answer, class Fn>
std::vector<Answer> scatter(Shard& here, const std::vector<Part>& parts, Deadline deadline,
                            Answer failed, Fn fn) {
    Env& env = here.env();
    SmallVec<ShardId, 16> owners;
    bool all_here = true;
    for (const Part& part : parts) {
        owners.push_back(here.owner(part.partition));
        all_here = all_here && owners.back() == env.shard;
    }
    if (all_here) return fn(here, parts);
    std::vector<Answer> answers(parts.size(), failed);
    SmallVec<std::size_t, 16> indexes;  // of the parts of one shard
    for (ShardId shard{0}; shard.v < env.shards.count() && !parts.empty(); ++shard.v) {
        indexes.clear();
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (owners[i] == shard) indexes.push_back(i);
        }
        if (indexes.empty()) continue;
        std::vector<Part> theirs;
        theirs.reserve(indexes.size());
        for (const std::size_t i : indexes) theirs.push_back(parts[i]);
        Result<std::vector<Answer>> got = Error{Errc::cancelled, 0, "shard.scatter"};
        if (shard == env.shard) {
            got = fn(here, theirs);
        } else {
            got =
                env.shards.call(shard, deadline,
                                [shared = here.shared(), theirs = std::move(theirs),
                                 fn](Env& there) mutable { return fn(shared->at(there), theirs); });
        }
        for (std::size_t k = 0; k < indexes.size(); ++k) {
            if (got.ok()) {
                answers[indexes[k]] = std::move((*got)[k]);
            } else {
                answers[indexes[k]].error = wire::to_kafka_error(got.code());
            }
        }
    }
    return answers;
}

// The same, one partition at a time: `fn` (Partition&, part) -> Answer. Partitions that are not
// served here get the error that says so. Parks.
template <class Answer, class Part, class Fn>
std::vector<Answer> on_partitions(Shard& here, const std::vector<Part>& parts, Deadline deadline,
                                  Fn fn) {
    return scatter(here, parts, deadline, Answer{},
                   [fn](Shard& shard, const std::vector<Part>& mine) {
                       std::vector<Answer> answers;
                       answers.reserve(mine.size());
                       for (const Part& part : mine) {
                           Answer answer;
                           if (const auto p = shard.find(part.partition, answer.error))
                               answer = fn(*p, part);
                           answers.push_back(std::move(answer));
                       }
                       return answers;
                   });
}

// `fn` (Shard&) -> Answer on every shard, in their order. The first error ends it. Parks.
template <class Answer, class Fn>
Result<std::vector<Answer>> on_each_shard(Shard& here, Deadline deadline, Fn fn) {
    Env& env = here.env();
    std::vector<Answer> answers;
    for (ShardId shard{0}; shard.v < env.shards.count(); ++shard.v) {
        if (shard == env.shard) {
            answers.push_back(fn(here));
            continue;
        }
        FL_TRY(Answer answer,
               env.shards.call(shard, deadline,
                               [shared = here.shared(), fn](Env& e) { return fn(shared->at(e)); }));
        answers.push_back(std::move(answer));
    }
    return answers;
}
}  // namespace faultline::broker
