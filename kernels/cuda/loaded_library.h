// A library that is found when a program runs: cuDNN, cuBLAS, NCCL.
#pragma once

#include <dlfcn.h>
#include <linux/limits.h>

#include <string>

#define VITRINE_QUOTED(text) #text
#define VITRINE_SONAME(stem, major) stem ".so." VITRINE_QUOTED(major)

namespace vitrine {

/// A shared library of which some functions are wanted. It is never closed: its handles live to the end.
class LoadedLibrary {
  public:
    /// By its name, as the system finds libraries, or else where it lay when this program was built.
    LoadedLibrary(const char* name, const char* built_with) {
        library_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (library_ != nullptr) return;
        problem_ = std::string("it cannot be loaded: ") + dlerror();
        library_ = dlopen(built_with, RTLD_NOW | RTLD_LOCAL);
        if (library_ != nullptr) problem_.clear();
    }

    template <class Function>
    void find(Function*& function, const char* name) {
        if (library_ == nullptr) return;
        function = reinterpret_cast<Function*>(dlsym(library_, name));
        if (function == nullptr && problem_.empty()) problem_ = std::string("it has no function ") + name;
    }

    /// A further library that this one loads by itself, from its own folder or as the system finds it, when
    /// it needs it.
    void require_part(const char* name) {
        if (!problem_.empty()) return;
        char folder[PATH_MAX] = "";
        if (dlinfo(library_, RTLD_DI_ORIGIN, folder) == 0 &&
            dlopen((std::string(folder) + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr)
            return;
        if (dlopen(name, RTLD_NOW | RTLD_LOCAL) == nullptr)
            problem_ = std::string("a part of it cannot be loaded: ") + dlerror();
    }

    const char* problem() const { return problem_.empty() ? nullptr : problem_.c_str(); }

  private:
    void* library_ = nullptr;
    std::string problem_;
};

}  // namespace vitrine
