"""A simulated accelerator, the device `sim`: its numbers are the processor's, its time is planted, nothing sleeps.

A tensor on `sim` wraps one on the processor, and each operation on it is a kernel in a queue that runs behind the host.
There are two times, both virtual: that of the host (`SIM.host`), and the time at which the queue will be empty
(`SIM.queue`). A kernel prolongs the queue by its planted cost; waiting for the device moves the host to the end of the
queue; the host's own work takes what is planted (`SIM.work`). So whatever reads the clock without waiting reads a wrong
time, as on a GPU. As there, a tensor that was left on the host does not mix with those of the device, and reading a
value, copying to the host, and copying pageable memory to the device wait.

Importing this module registers the device for the whole process: the tests that use it run in a process of their own.
"""

from __future__ import annotations

from collections import deque

import torch
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

aten = torch.ops.aten
DEPTH = 1024
"Kernels that fit into the queue, about as many as on a GPU."


class Simulation:
    """The two times, the planted costs in seconds, and what was counted."""

    def __init__(self):
        self.reset()

    def __deepcopy__(self, memo):
        return self  # a copy of a module runs on the same device

    def reset(self):
        """Start again at 0, with an empty queue and nothing planted."""
        self.host = self.queue = 0.0
        self.tick = 1e-7  # of the host, for each reading of the clock: a loop that waits for a time ends
        self.launch = 1e-7  # of the host, for each kernel
        self.kernel = 0.0  # of the device, for each kernel
        self.costs = {}  # by the name of an operator, instead of `kernel`: a number, or a function of its arguments
        self.copy = 0.0  # of the device, for each copy from or to the host
        self.busy = 0.0  # seconds of all kernels
        self.running = deque()  # ends of the kernels that the host has not seen end

    def perf_counter(self):
        """Return the time of the host, which goes on by a tick."""
        self.host += self.tick
        return self.host

    def work(self, seconds):
        """Let the host work for a time."""
        self.host += seconds

    def enqueue(self, cost):
        """Append a kernel to the queue."""
        self.host += self.launch
        self.queue = max(self.queue, self.host) + cost
        self.busy += cost
        self.running.append(self.queue)
        if len(self.running) > DEPTH:  # the host waits for room
            self.host = max(self.host, self.running.popleft())

    def cost(self, name, arguments):
        """Return the planted cost of an operator."""
        planted = self.costs.get(name, self.kernel)
        return planted(*arguments) if callable(planted) else planted

    def wait(self):
        """Wait until the queue is empty."""
        self.host = max(self.host, self.queue)
        self.running.clear()


SIM = Simulation()


class Event:
    """A moment of the queue."""

    def __init__(self, enable_timing=False):
        self.timed, self.time = enable_timing, None

    def record(self):
        SIM.host += SIM.launch
        self.time = max(SIM.queue, SIM.host)

    def elapsed_time(self, later):
        """Return the milliseconds between two moments, which must have passed."""
        if not self.timed or max(self.time, later.time) > SIM.host:
            raise RuntimeError("an event is not reached yet")
        return 1000.0 * (later.time - self.time)


class Memory:
    """The bytes of live tensors on the device, counted by storage."""

    live: dict = {}  # noqa: RUF012 - one device, one memory
    now = most = 0
    capacity = float("inf")  # a tensor beyond it does not fit


class Hold:
    """A tensor's share in its storage: it ends with the tensor."""

    def __init__(self, data):
        storage = data.untyped_storage()
        self.key, self.bytes = storage.data_ptr(), storage.nbytes()
        if Memory.live.setdefault(self.key, 0) == 0:
            if Memory.now + self.bytes > Memory.capacity:
                Memory.live.pop(self.key)
                raise torch.OutOfMemoryError(f"{self.bytes} bytes do not fit beside {Memory.now}")
            Memory.now += self.bytes
            Memory.most = max(Memory.most, Memory.now)
        Memory.live[self.key] += 1

    def __del__(self, memory=Memory):  # at the end of the process, the name may be gone
        if self.key not in memory.live:  # it did not fit
            return
        memory.live[self.key] -= 1
        if not memory.live[self.key]:
            del memory.live[self.key]
            memory.now -= self.bytes


class Backend:
    """The module `torch.sim`: what PyTorch and the program ask of a kind of device."""

    state = torch.tensor([0])
    pins_memory = True

    Event = Event

    @staticmethod
    def is_available():
        return True

    @staticmethod
    def is_initialized():
        return True

    @staticmethod
    def _is_in_bad_fork():
        return False

    @staticmethod
    def device_count():
        return 1

    @staticmethod
    def current_device():
        return 0

    @staticmethod
    def set_device(index):
        assert index == 0

    @staticmethod
    def get_device_name(index=None):
        return "simulated accelerator"

    @staticmethod
    def synchronize(device=None):
        SIM.wait()

    @staticmethod
    def manual_seed_all(seed):
        Backend.state = torch.tensor([seed])

    @staticmethod
    def get_rng_state():
        return Backend.state

    @staticmethod
    def set_rng_state(state):
        Backend.state = state

    @staticmethod
    def get_amp_supported_dtype():
        return [torch.bfloat16, torch.float16]

    @staticmethod
    def reset_peak_memory_stats():
        Memory.most = Memory.now

    @staticmethod
    def max_memory_allocated():
        return Memory.most

    @staticmethod
    def mem_get_info():
        return (1 << 30) - Memory.now, 1 << 30


class SimTensor(torch.Tensor):
    """A tensor on `sim`; `data_` is its content, on the processor."""

    @staticmethod
    def __new__(cls, data):
        tensor = torch.Tensor._make_wrapper_subclass(
            cls, data.shape, strides=data.stride(), storage_offset=data.storage_offset(), dtype=data.dtype,
            device="sim:0",
        )  # fmt: skip
        tensor.data_, tensor.hold_ = data, Hold(data)
        return tensor

    def __repr__(self):
        return f"SimTensor({self.data_})"

    def untyped_storage(self):
        return self.data_.untyped_storage()

    def tolist(self):
        return self.cpu().tolist()

    def data_ptr(self):
        return self.data_.data_ptr()

    def __reduce_ex__(self, protocol):
        return self.cpu().__reduce_ex__(protocol)  # a checkpoint is read with `map_location="cpu"` anyway

    def __deepcopy__(self, memo):
        tensor = SimTensor(self.data_.clone())
        if isinstance(self, torch.nn.Parameter):
            tensor = torch.nn.Parameter(tensor, self.requires_grad)
        memo[id(self)] = tensor
        return tensor

    @classmethod
    def __torch_dispatch__(cls, operator, types, args=(), kwargs=None):
        return run(operator, args, kwargs or {})


# ── operators ───────────────────────────────────────────────────────────────────────────────────

WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2", "unique_dim", "item"}
"Operators whose result, or its size, the host needs."
OF_THE_HOST = {"index", "index_put", "index_put_", "_unsafe_index", "_pack_padded_sequence", "record_stream"}
"Operators that take a tensor of the host beside those of the device, as on CUDA."


def content(value):
    return value.data_ if isinstance(value, SimTensor) else value


def run(operator, args, kwargs):
    """Run an operator on the contents of its arguments, as a kernel of the device."""
    name = operator._schema.name.partition("::")[2]
    if torch.is_inference_mode_enabled() and operator._can_decompose():  # there it is not decomposed before
        return operator.decompose(*args, **kwargs)
    if name in ("_to_copy", "copy_", "_copy_from"):
        return copy(name, operator, args, kwargs)
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
    for tensor in tensors:
        if not isinstance(tensor, SimTensor) and tensor.dim() and name not in OF_THE_HOST:
            raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found sim:0 and cpu")
    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": "cpu"}
    owners = {id(tensor.data_): tensor for tensor in tensors if isinstance(tensor, SimTensor)}
    if operator.is_view:
        with torch.inference_mode(args[0].is_inference()):  # a view is of the kind of what it views
            return tree_map(wrap(owners), operator(*tree_map(content, args), **tree_map(content, kwargs)))
    SIM.enqueue(SIM.cost(name, args))
    own = FUSED.get(name, operator)
    result = own(*tree_map(content, args), **tree_map(content, kwargs))
    if name in WAITING or (name == "index" and any(i is not None and i.dtype == torch.bool for i in args[1])):
        SIM.wait()
    for tensor in tensors:
        assert tensor.shape == content(tensor).shape, f"{name} resized a tensor, which the simulation does not follow"
    return tree_map(wrap(owners), result)


def wrap(owners):
    """Return a function that returns the device's tensor of a content: an argument if it was changed in place."""

    def wrapped(value):
        if type(value) is not torch.Tensor:
            return value
        owner = owners.get(id(value))
        return SimTensor(value) if owner is None else owner

    return wrapped


def copy(name, operator, args, kwargs):
    """Copy between host and device, or on the device; the host waits unless the copy is on the device."""
    if name == "_to_copy":
        target = kwargs.get("device")
        outwards = target is not None and torch.device(target).type == "cpu"
        result = operator(content(args[0]), **({**kwargs, "device": "cpu"} if target is not None else kwargs))
        if outwards and result is content(args[0]):
            result = result.clone()
        SIM.enqueue(SIM.copy if outwards else SIM.cost(name, args))
        if outwards:
            SIM.wait()
            return result
        return SimTensor(result)
    target, source = (args[0], args[1]) if name == "copy_" else (args[1], args[0])
    content(target).copy_(content(source))
    across = isinstance(target, SimTensor) != isinstance(source, SimTensor)
    SIM.enqueue(SIM.copy if across else SIM.cost("copy_", args))
    behind = args[2] if len(args) > 2 else kwargs.get("non_blocking", False)
    if across and not (behind and getattr(source, "pinned_", False)):  # to the host, the program never copies so
        SIM.wait()
    return target


def lstm_cell(input_gates, hidden_gates, before, input_bias=None, hidden_bias=None):
    """The fused cell of an LSTM, which PyTorch has for accelerators only: gates in, forget, cell, out."""
    gates = input_gates + hidden_gates
    for bias in (input_bias, hidden_bias):
        gates = gates if bias is None else gates + bias
    enter, forget, cell, leave = gates.chunk(4, 1)
    enter, forget, cell, leave = enter.sigmoid(), forget.sigmoid(), cell.tanh(), leave.sigmoid()
    after = forget * before + enter * cell
    return leave * after.tanh(), after, torch.cat([enter, forget, cell, leave], 1)


def lstm_cell_backward(grad_hidden, grad_after, before, after, workspace, has_bias):
    """The gradients of `lstm_cell` with respect to the gates, the cell before, and a bias."""
    enter, forget, cell, leave = workspace.chunk(4, 1)
    grad_hidden = torch.zeros_like(after) if grad_hidden is None else grad_hidden
    squashed = after.tanh()
    through = grad_hidden * leave * (1 - squashed * squashed)
    through = through if grad_after is None else through + grad_after
    gates = torch.cat(
        [
            through * cell * enter * (1 - enter),
            through * before * forget * (1 - forget),
            through * enter * (1 - cell * cell),
            grad_hidden * squashed * leave * (1 - leave),
        ],
        1,
    )
    return gates, through * forget, gates.sum(0) if has_bias else None


FUSED = {"_thnn_fused_lstm_cell": lstm_cell, "_thnn_fused_lstm_cell_backward_impl": lstm_cell_backward}


def pin_memory(tensor, device=None):
    """Return a copy from which copies to the device run behind the host."""
    pinned = tensor.clone()
    pinned.pinned_ = True
    return pinned


torch.Tensor.pin_memory = pin_memory


# ── modules that move ───────────────────────────────────────────────────────────────────────────


def move_module(module, change, recurse=True):
    """Apply a change of device, type or format to a module; parameters stay the same objects, as on other devices.

    It takes the place of `Module._apply`, which does so for tensors that wrap no other.
    """
    for child in module.children() if recurse else ():
        child._apply(change)
    for parameter in module._parameters.values():
        if parameter is None:
            continue
        gradient, parameter.grad = parameter.grad, None
        with torch.no_grad():
            move_into(parameter, change(parameter))
            parameter.grad = None if gradient is None else change(gradient)
    for name, buffer in module._buffers.items():
        module._buffers[name] = None if buffer is None else change(buffer)
    return module


def move_into(parameter, moved):
    """Give a parameter the content of another tensor."""
    if moved is parameter:
        return
    if isinstance(moved, SimTensor) != isinstance(parameter, SimTensor):
        torch.utils.swap_tensors(parameter, torch.nn.Parameter(moved, parameter.requires_grad))
        return
    parameter.data = moved
    if isinstance(moved, SimTensor):
        parameter.data_, parameter.hold_ = moved.data_, moved.hold_


torch.nn.Module._apply = move_module


# ── registration ────────────────────────────────────────────────────────────────────────────────

_setup_privateuseone_for_python_backend("sim", backend_module=Backend)
_library = torch.library.Library("aten", "IMPL")
_every_library = torch.library.Library("_", "IMPL")


def _factory(operator):
    """Return the operator on the device: it makes its tensor there, by one kernel."""

    def make(*args, **kwargs):
        for name in ("device", "pin_memory", "layout"):
            kwargs.pop(name, None)
        SIM.enqueue(SIM.kernel)
        return SimTensor(operator(*args, **kwargs, device="cpu"))

    return make


for _name in ("empty.memory_format", "empty_strided", "arange.start_step", "arange", "arange.start", "linspace",
              "randperm", "randperm.generator", "tril_indices", "triu_indices"):  # fmt: skip
    _packet, _, _overload = _name.partition(".")
    _operator = getattr(getattr(aten, _packet), _overload or "default")
    _library.impl(_name, _factory(_operator), "PrivateUse1")
_library.impl("_copy_from", lambda *a, **k: copy("_copy_from", None, a, k), "PrivateUse1")

_every_library.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
_NO_AUTOCAST = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)


def _cast_to(operator, dtype):
    """Return the operator on arguments that autocast has converted: to its type, or to float32."""

    def cast(value):
        floating = isinstance(value, torch.Tensor) and value.is_floating_point() and value.dtype != torch.float64
        return value.to(dtype or torch.get_autocast_dtype("sim")) if floating else value

    def call(*args, **kwargs):
        with torch._C._ExcludeDispatchKeyGuard(_NO_AUTOCAST):
            return operator(*tree_map(cast, args), **tree_map(cast, kwargs))

    return call


for _names, _dtype in (
    (("linear", "matmul", "mm", "addmm", "bmm", "baddbmm", "conv1d", "conv2d", "scaled_dot_product_attention"), None),
    (("cross_entropy_loss", "nll_loss", "mse_loss", "binary_cross_entropy_with_logits", "layer_norm"), torch.float32),
):
    for _name in _names:
        _library.impl(_name, _cast_to(getattr(aten, _name).default, _dtype), "AutocastPrivateUse1")
