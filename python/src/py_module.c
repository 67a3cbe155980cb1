/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_module.c - the module nanots._core: made in phases, with all it keeps in its own state. */
#include "py_nanots.h"

struct py_state *py_state_of(PyTypeObject *type)
{
    while (type != NULL) {
        struct py_state *state = PyType_GetModuleState(type);
        if (state != NULL)
            return state;
        PyErr_Clear(); /* a class of Python's: its base is ours */
        type = PyType_GetSlot(type, Py_tp_base);
    }
    PyErr_SetString(PyExc_SystemError, "a type without its module");
    return NULL;
}

static int module_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **type_out)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL)
        return -1;
    *type_out = (PyTypeObject *)type;
    return PyModule_AddType(module, *type_out);
}

static int module_exec(PyObject *module)
{
    struct py_state *state = PyModule_GetState(module);

    if (py_errors_add(module, state) < 0 ||
        module_add_type(module, &py_db_spec, &state->db_type) < 0 ||
        module_add_type(module, &py_table_spec, &state->table_type) < 0 ||
        module_add_type(module, &py_group_spec, &state->group_type) < 0 ||
        module_add_type(module, &py_batch_spec, &state->batch_type) < 0 ||
        module_add_type(module, &py_batches_spec, &state->batches_type) < 0 ||
        module_add_type(module, &py_buffer_spec, &state->buffer_type) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "version", nanots_version());
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    const struct py_state *state = PyModule_GetState(module);

    for (size_t i = 0; i < PY_ERROR_COUNT; i++)
        Py_VISIT(state->errors[i]);
    Py_VISIT(state->db_type);
    Py_VISIT(state->table_type);
    Py_VISIT(state->group_type);
    Py_VISIT(state->batch_type);
    Py_VISIT(state->batches_type);
    Py_VISIT(state->buffer_type);
    return 0;
}

static int module_clear(PyObject *module)
{
    struct py_state *state = PyModule_GetState(module);

    for (size_t i = 0; i < PY_ERROR_COUNT; i++)
        Py_CLEAR(state->errors[i]);
    Py_CLEAR(state->db_type);
    Py_CLEAR(state->table_type);
    Py_CLEAR(state->group_type);
    Py_CLEAR(state->batch_type);
    Py_CLEAR(state->batches_type);
    Py_CLEAR(state->buffer_type);
    return 0;
}

static void module_free(void *module)
{
    (void)module_clear(module);
}

static PyMethodDef module_methods[] = {
    {"one_array", py_one_array, METH_O,
     "one_array($module, stream_capsule, /)\n--\n\nThe only array of a stream, as capsules of "
     "its schema and itself."},
    {"repair", py_repair, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "nanots._core",
    .m_doc = "The part of nanots that is written in C; use nanots.",
    .m_size = sizeof(struct py_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&module_def);
}
