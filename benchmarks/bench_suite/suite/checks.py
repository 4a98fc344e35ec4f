"""Checks of one cell: training options that contradict each other or the task, and what its engine does not honour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_suite.components.discovery import Component, builtin, find
from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import ANY_DEVICE, CUDA_GRAPHS
from bench_suite.suite.cell import Cell, train_key
from bench_suite.suite.durations import seconds_of
from bench_suite.suite.expansion import varied_options
from bench_suite.suite.identity import changed
from bench_suite.suite.privacy_checks import placement_errors, privacy_errors
from bench_suite.suite.spec import PRECISIONS, ComponentUse, Suite, list_classes, train_options
from bench_suite.suite.toml_positions import Path as KeyPath

_OF_THE_PROGRAM = ("validation", "keep", "deterministic")
"Training options that no engine needs to name in `ACCEPTS`: the program itself, or `DETERMINISTIC`, decides on them."


def check_cell(suite: Suite, cell: Cell) -> None:
    """Add an error for each training option or axis value that a cell's engine, or its estimator, cannot honour."""
    positive = cell.options["task"]["positive"]
    if positive is not None and (message := _positive_error_at_plan(positive, cell)):
        axis = f"tasks.{cell.task.label}.positive"
        key: KeyPath = ("matrix", axis) if axis in cell.labels else (*cell.task.key, "positive")
        suite.document.error(key, message)
    for message in _threshold_errors(cell):
        suite.document.error(_evaluate_key(cell, "threshold"), message)
    if cell.engine is None:
        _check_estimator(suite, cell)
        return
    _check_accepted(suite, cell, cell.engine)
    for axis, message in _unsupported(suite, cell, cell.engine):
        suite.document.error(_axis_key(suite, cell, axis), message)
    if cell.options["train"]["deterministic"] and not cell.engine.facts["DETERMINISTIC"]:
        suite.document.error(
            train_key(cell, "deterministic"),
            f"the engine {cell.engine.name} is not deterministic (it states DETERMINISTIC = False); "
            "write deterministic = false, or choose another engine",
        )
    for key, message in _own_function_errors(cell, cell.engine):
        suite.document.error(key, message)
    for key, message in _lightning_errors(cell, cell.engine):
        suite.document.error(key, message)
    for option, message in contradictions(cell.options["train"], cell.task, cell.problems):
        suite.document.error(train_key(cell, option), message)
    for option, message in privacy_errors(cell):
        suite.document.error(train_key(cell, option), message)
    for axis, message in placement_errors(cell):
        suite.document.error(_axis_key(suite, cell, axis), message)


def _check_estimator(suite: Suite, cell: Cell) -> None:
    """Add an error for the options in a model's own `train` that an estimator does not use."""
    model = cell.model.component
    accepts = model.words("ACCEPTS")
    for option in cell.model.train:
        if option != "validation" and option not in accepts:
            suite.document.error((*cell.model.key, "train", option), f"{model.name} fits itself and has no {option}")
    known = train_options()
    for option in (*CLASS_OPTIONS, "privacy"):
        if option in suite.train and option not in accepts and suite.train[option] != known[option].default:
            suite.document.error(
                ("train", option),
                f"{model.name} fits itself and has no {option}, so its results would not be comparable: state {option} "
                f"in `train` of the models that have it, or leave {model.name} out",
            )
    for option, message in class_option_errors(cell.options["train"], cell.task, cell.problems):
        suite.document.error(train_key(cell, option), message)


MODEL_FUNCTIONS = ("loss", "augment")
"Optional functions of a model's file, beside `build`; an engine names those that it calls in `MODEL_FUNCTIONS`."
_ARGUMENTS = {
    "loss": ("outputs", "targets", "inputs", "spec", "weights", "smoothing", "options"),
    "augment": ("batch", "generator", "options"),
}
"The arguments of each of `MODEL_FUNCTIONS`; a function names those that it takes."
_OPTIONS_OF_LOSS = {"class_weights": ("weights", "none"), "label_smoothing": ("smoothing", 0.0)}
"Training options that change the loss: the argument by which a model's own loss gets it, and the value without effect."


def _own_function_errors(cell: Cell, engine: Component) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with a model's own `loss` and `augment`: an argument, the engine, or a training option."""
    model = cell.model.component
    for function in MODEL_FUNCTIONS:
        if function not in model.functions:
            continue
        taken = model.parameters[function]
        unknown = [name for name, required in taken.items() if required and name not in _ARGUMENTS[function]]
        if unknown:
            known = ", ".join(_ARGUMENTS[function])
            yield (
                (*cell.model.key, "use"),
                f"{model.name}: {function} has the parameter `{unknown[0]}`{nearest(unknown[0], _ARGUMENTS[function])} "
                f"(there are: {known}); rename the function if it is not the model's own {function}",
            )
        if function not in engine.words("MODEL_FUNCTIONS"):
            yield (
                ("matrix", "engine"),
                f"the engine {engine.name} does not call a model's own {function}, and {model.name} has one "
                "(the engine's MODEL_FUNCTIONS does not name it)",
            )
    if "loss" in model.functions:
        for option, (argument, default) in _OPTIONS_OF_LOSS.items():
            if cell.options["train"][option] != default and argument not in model.parameters["loss"]:
                yield (
                    train_key(cell, option),
                    f"{model.name} has its own loss without a parameter `{argument}`, so {option} would have no "
                    f"effect: add the parameter, or leave {option} out",
                )


_OPTIONS_OF_STEP = {"class_weights": "none", "label_smoothing": 0.0}
"Training options that change the loss, which a `training_step` computes itself, and their values without effect."
_OPTIONS_OF_OPTIMIZER = ("optimizer", "learning_rate", "weight_decay", "momentum", "nesterov", "schedule", "warmup")
"Training options that `configure_optimizers` of a LightningModule replaces."


def _lightning_errors(cell: Cell, engine: Component) -> Iterator[tuple[KeyPath, str]]:
    """Yield what an own LightningModule in a model's file makes impossible: the engine, or options without effect.

    A module that the file imports from elsewhere is found only when the cell is built.
    """
    model = cell.model.component
    if "training_step" not in model.lightning or not cell.options["train"]["epochs"]:
        return
    if "training_step" not in engine.words("MODEL_FUNCTIONS"):
        yield (
            ("matrix", "engine"),
            f"the engine {engine.name} does not call the training_step of a LightningModule, and {model.name} has one: "
            'set engine = "lightning"',
        )
        return
    for option, default in _OPTIONS_OF_STEP.items():
        if cell.options["train"][option] != default:
            yield (
                train_key(cell, option),
                f"the training_step of {model.name} computes the loss, so {option} would have no effect: leave it out",
            )
    if "configure_optimizers" in model.lightning:
        for option in {**cell.model.train, **varied_options(cell.labels, "train")}:
            if option in _OPTIONS_OF_OPTIMIZER:
                yield (
                    train_key(cell, option),
                    f"{model.name} configures its own optimiser, so {option} would have no effect: leave it out, or "
                    "make it an option of the model",
                )


def _check_accepted(suite: Suite, cell: Cell, engine: Component) -> None:
    """Add an error for the training options that the engine's `ACCEPTS` does not name."""
    accepts = engine.words("ACCEPTS")
    stated = {**suite.train, **cell.model.train, **varied_options(cell.labels, "train")}
    for option, value in changed(train_options(), stated).items():
        if option not in (*accepts, *_OF_THE_PROGRAM):
            suite.document.error(
                train_key(cell, option),
                f"the engine {engine.name} has no {option} (you ask for {show(value)}; it has: {', '.join(accepts)})",
            )


# ── what an engine honours ──────────────────────────────────────────────────────────────────────


_HONOURED = {"precision": "PRECISIONS", "device": "DEVICES"}
"By axis: the fact in which an engine states the values that it honours. `auto` stands for one of them."


def _unsupported(suite: Suite, cell: Cell, engine: Component) -> Iterator[tuple[str, str]]:
    """Yield each axis whose value the engine does not honour, with the message.

    `auto` is refused only if the engine states none of the values that it may stand for; otherwise the run resolves it
    among those that the engine states.
    """
    for axis, value in (("precision", cell.precision), ("device", cell.device)):
        fact = _HONOURED[axis]
        stated = engine.words(fact)
        usable = [known for known in PRECISIONS if known in stated] if axis == "precision" else list(stated)
        if value in usable or (axis == "device" and ANY_DEVICE in stated) or (value == "auto" and usable):
            continue
        instead = f"write {axis} = {show(usable[0])}" if usable else "choose another engine"
        message = (
            f"the engine {engine.name} does not honour {axis} = {show(value)} "
            f"(it states {fact}: {', '.join(stated) or 'none'}); {instead}"
        )
        yield axis, message + _exclude(suite, cell, axis, value)
    if cell.devices > 1 and cell.strategy not in engine.words("STRATEGIES"):
        strategies = ", ".join(engine.words("STRATEGIES")) or "none"
        message = (
            f"the engine {engine.name} does not train one network on several devices with strategy = "
            f"{show(cell.strategy)} (it states STRATEGIES: {strategies}); write devices = 1"
        )
        yield "devices", message + _exclude(suite, cell, "devices", cell.devices)
    if cell.devices > 1 and cell.strategy == "fsdp" and cell.compile:
        yield "compile", "a network whose weights are spread over devices (fsdp) is not compiled; write compile = false"
    exclude = _exclude(suite, cell, "compile", cell.compile)
    if cell.compile and not engine.facts["COMPILE"]:
        message = f"the engine {engine.name} does not honour compile = {show(cell.compile)} (it states COMPILE = False)"
        yield "compile", f"{message}; write compile = false{exclude}"
    elif cell.compile == CUDA_GRAPHS and cell.device not in ("cuda", "auto"):
        message = f"compile = {show(cell.compile)} records CUDA graphs, and device = {show(cell.device)} has none"
        yield "compile", f'{message}; write device = "cuda", or compile = true{exclude}'


def _exclude(suite: Suite, cell: Cell, axis: str, value: Any) -> str:
    """Return how to leave these cells out of the matrix; empty if that would leave no cell."""
    if len(suite.axes.get("engine", ())) < 2 and len(suite.axes.get(axis, ())) < 2:
        return ""
    engine = show(cell.labels["engine"])
    return f", or leave these cells out: exclude = [{{ engine = {engine}, {axis} = {show(value)} }}]"


def _axis_key(suite: Suite, cell: Cell, axis: str) -> KeyPath:
    """Return the key at which the file states the cell's value of an axis; that of the engine for a default."""
    value = getattr(cell, axis)
    if value in suite.axes.get(axis, ()):
        listed = isinstance(suite.document.values["matrix"][axis], list)
        return ("matrix", axis, suite.axes[axis].index(value)) if listed else ("matrix", axis)
    for index, selector in enumerate(suite.include):
        if value in selector.get(axis, ()):
            return ("matrix", "include", index, axis)
    return ("matrix", "engine")


# ── contradictions ──────────────────────────────────────────────────────────────────────────────


def contradictions(
    train: Mapping[str, Any], task: ComponentUse, problems: Sequence[Component]
) -> Iterator[tuple[str, str]]:
    """Yield each training option that contradicts another one or the task, with the reason.

    Args:
        train: all training options of a cell, resolved.
        task: the cell's task.
        problems: the task's problem; several if only the data can decide.
    """
    for option in ("patience", "target"):
        if train[option] is not None and train["validation"] == 0:
            yield option, f"{option} decides on validation data, and validation = 0 leaves none"
    if message := nesterov_error(train["optimizer"], train["momentum"], nesterov=train["nesterov"]):
        yield "nesterov", message
    if train["augment"] and "image" not in task.component.words("MODALITY"):
        yield "augment", f"augment changes images, and {task.label} has none: state it with the models of images"
    if train["label_smoothing"] and not any("smoothed_loss" in problem.functions for problem in problems):
        kinds = " or ".join(problem.name for problem in problems)
        yield "label_smoothing", f"label_smoothing is for classes, and {task.label} is {kinds}"
    yield from class_option_errors(train, task, problems)
    if train["target"] is not None:
        yield from (("target", message) for message in _target_errors(train["target"], problems))
    if train["checkpoint"] is not None:
        try:
            seconds_of(train["checkpoint"])
        except ValueError as error:
            yield "checkpoint", str(error)


CLASS_OPTIONS = ("class_weights", "sampler")
"Training options for classes of different sizes. An estimator that lacks one is refused, since results would differ."


def class_option_errors(
    train: Mapping[str, Any], task: ComponentUse, problems: Sequence[Component]
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with `class_weights` and `sampler`, with the option.

    Args:
        train: all training options of a cell, resolved.
        task: the cell's task; its classes are checked if it states them.
        problems: the task's problem; several if only the data can decide.
    """
    weights, sampler = train["class_weights"], train["sampler"]
    if not any("weighted_loss" in problem.functions for problem in problems):
        kinds = " or ".join(problem.name for problem in problems)
        for option, is_set in (("class_weights", weights != "none"), ("sampler", sampler != "shuffled")):
            if is_set:
                yield option, f"{option} is for classes, and {task.label} is {kinds}"
        return
    if weights == "balanced" and sampler == "balanced":
        yield (
            "sampler",
            'class_weights = "balanced" and sampler = "balanced" correct the same imbalance, and together they correct '
            "it twice: leave one of them out",
        )
    if isinstance(weights, Mapping):
        for message in class_weight_errors(weights, task.label, task.component.words("CLASSES") or tuple(weights)):
            yield "class_weights", message


def class_weight_errors(weights: Mapping[str, float], task: str, classes: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with a table of class weights: a class that does not exist or lacks a weight, a bad weight.

    Args:
        weights: by the name of a class.
        task: name of the task.
        classes: names of all classes of the task.
    """
    for named, weight in weights.items():
        if named not in classes:
            yield f"{show(named)} is no class of {task}{nearest(named, classes)} (it has: {list_classes(classes)})"
        elif not weight > 0.0:
            yield f"the weight of {show(named)} is {weight:g}; it must be above 0"
    missing = [name for name in classes if name not in weights]
    if missing:
        named = list_classes([show(name) for name in missing])
        yield f"the weight of {named} is missing: the table states the weight of every class of {task}"


def positive_error(positive: str, task: str, classes: Sequence[str]) -> str | None:
    """Return why a name cannot be that of the positive class of a task with these classes; None if it can."""
    if len(classes) != 2:
        return f"positive is for two classes, and {task} has {len(classes) or 'none'}"
    if positive not in classes:
        has = list_classes(classes)
        return f"{show(positive)} is no class of {task}{nearest(positive, classes)} (it has: {has})"
    return None


def _positive_error_at_plan(positive: str, cell: Cell) -> str | None:
    """Return what is wrong with the option `positive`, as far as it is known before the data are loaded."""
    classes = cell.task.component.words("CLASSES")
    if not any("weighted_loss" in problem.functions for problem in cell.problems):
        return positive_error(positive, cell.task.label, ())
    return positive_error(positive, cell.task.label, classes) if classes else None


def _threshold_errors(cell: Cell) -> Iterator[str]:
    """Yield what is wrong with the option `threshold` of a problem that has thresholds, before the data are loaded."""
    if not any("predictions_at" in problem.functions for problem in cell.problems):
        return
    threshold = cell.options["evaluate"].get("threshold", "none")
    classes = cell.task.component.words("CLASSES")
    if threshold == "none":
        return
    if classes and len(classes) != 2:
        yield f"threshold is for two classes, and {cell.task.label} has {len(classes)}"
    elif isinstance(threshold, str) and cell.options["train"]["validation"] == 0:
        yield "threshold is chosen on validation data, and validation = 0 leaves none; state it as a number"


def _evaluate_key(cell: Cell, option: str) -> KeyPath:
    """Return the key under which the file states an evaluation option of a cell."""
    axis = f"evaluate.{option}"
    return ("matrix", axis) if axis in cell.labels else ("evaluate", option)


SGD_OPTIONS = ("momentum", "nesterov")
"Training options that only `sgd` uses."


def nesterov_error(optimizer: str, momentum: float, *, nesterov: bool) -> str | None:
    """Return why `nesterov` cannot be used; None if it can, or if the optimiser does not use it (`SGD_OPTIONS`)."""
    if not nesterov or optimizer != "sgd" or momentum > 0.0:
        return None
    return "nesterov is a variant of momentum, and momentum = 0 leaves none: set momentum = 0.9, or nesterov = false"


def without_sgd(suite_train: Mapping[str, Any], axes: Mapping[str, tuple[Any, ...]], models: Sequence[ComponentUse],
                include: Sequence[Mapping[str, Any]]) -> Iterator[tuple[KeyPath, str]]:  # fmt: skip
    """Yield the keys of options of SGD that no cell of the suite could use, with the message.

    Args:
        suite_train: the section `[train]`.
        axes: the axes of the matrix.
        models: the models of the suite, each with its own `train`.
        include: the entries of `include`, which may vary the optimiser too.
    """
    default = train_options()["optimizer"].default
    varied = {value for values in (axes, *include) for value in values.get("train.optimizer", ())}
    sgd = [m for m in models if "sgd" in varied | {m.train.get("optimizer", suite_train.get("optimizer", default))}]
    for option in SGD_OPTIONS:
        message = f'{option} is an option of optimizer = "sgd"'
        for model in models:
            if model.train.get(option) and model not in sgd:
                yield (*model.key, "train", option), message
        if models and not sgd:
            if suite_train.get(option):
                yield ("train", option), message
            if any(axes.get(f"train.{option}", ())):
                yield ("matrix", f"train.{option}"), message


def _target_errors(target: Mapping[str, float], problems: Sequence[Component]) -> Iterator[str]:
    """Yield what is wrong with a target: several metrics, an unknown one, another problem's, an unreachable value."""
    if len(target) != 1:
        yield f"target names one metric and its value, not {len(target)}"
        return
    ((metric, wanted),) = target.items()
    probe, _, name = metric.rpartition("/")
    here = {own: facts for problem in problems for own, facts in problem.facts["METRICS"].items()}
    others = [find("problems", other, Path()) for other in builtin("problems")]
    elsewhere = {own: other.name for other in others for own in other.facts["METRICS"]}
    free = {own: find("metrics", own, Path()).facts for own in builtin("metrics") if own not in elsewhere}
    known = sorted({*here, *free})
    if probe not in ("", "quality"):
        yield f'target: a metric of validation, as "quality/{name}" or "{name}", not of {show(probe)}'
    elif name not in known and name in elsewhere:
        yield f"target: {name} is of {elsewhere[name]}, and the task is {' or '.join(p.name for p in problems)}"
    elif name not in known:
        yield f"target: there is no metric {show(name)}{nearest(name, known)} (there are: {', '.join(known)})"
    else:
        facts = {fact.lower(): value for fact, value in (here[name] if name in here else free[name]).items()}
        ideal, lower = facts.get("ideal"), facts.get("better") == "lower"
        if ideal is not None and (wanted < ideal if lower else wanted > ideal):
            yield f"target: {name} is never {'under' if lower else 'over'} {ideal:g}, and {wanted:g} is asked for"
