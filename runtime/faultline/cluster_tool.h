// A cluster of the real world: daemons that tests/integration/cluster/cluster.py starts and hurts.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/result.h"
#include "core/env/env.h"

namespace faultline::binary {

// Speaks with the tool through pipes. Its process ends with this object, and with it the cluster.
class ClusterTool {
public:
    struct Answer {
        int code = 0;      // 0 done, 1 a node did not do it, 2 asked for what cannot be
        std::string text;  // for a person; lines are parted by "; "
        bool ok() const noexcept { return code == 0; }
    };
    // Of a program `script`, whose cluster lives in `directory`. io.
    static Result<std::unique_ptr<ClusterTool>> start(const std::string& script,
                                                      const std::string& directory);
    // Blocks until the cluster is down.
    ~ClusterTool();
    ClusterTool(const ClusterTool&) = delete;
    ClusterTool& operator=(const ClusterTool&) = delete;

    // One verb with its arguments, which hold no spaces. Blocks the thread.
    Answer ask(const std::string& words);
    // The same for a fiber. Parks; calls of several fibers run side by side.
    Answer ask(Env& env, const std::string& words);

private:
    ClusterTool(int child, int input, int output);
    int send(const std::string& words);
    std::optional<Answer> taken(int number);
    void listen();

    int child_, input_, output_;
    int last_ = 0;
    std::mutex mutex_;  // guards answers_ and ended_, which the listening thread writes
    std::map<int, Answer> answers_;
    bool ended_ = false;
    std::thread listener_;
};
}  // namespace faultline::binary
