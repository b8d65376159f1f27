/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* A kernel module for tests in an emulated machine, never for a real one: provider "tdx_guest" of
 * the kernel's own configfs-tsm, a device that answers TDX_CMD_GET_REPORT0, and a register file.
 * Quotes are one that was made before (template.h) with other report data: form without proof.
 *
 * /sys/module/fake_tdx/parameters/mode: 0 honest, 1 empty quote, 2 busy twice, 3 other report data,
 * 4 half a quote, 5 slow, 6 times out, 7 larger than any quote. */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/tdx-guest.h>
#include <linux/tsm.h>
#include <linux/uaccess.h>

#include "template.h"

enum { REPORT_DATA_SIZE = 64, REGISTER_SIZE = 48, REPORT_DATA_AT = 48 + 520, BIG = 160 * 1024 };

static int mode;
module_param(mode, int, 0600);
static int busy;
static u8 reg[REGISTER_SIZE];

static int report_new(struct tsm_report *report, void *data)
{
    size_t size = sizeof(template);
    u8 *out;
    if (report->desc.inblob_len != REPORT_DATA_SIZE)
        return -EINVAL;
    if (mode == 2 && busy++ % 3 != 2)
        return -EBUSY;
    if (mode == 5)
        msleep(4000);
    if (mode == 6)
        return -ETIMEDOUT;
    out = kvzalloc(BIG, GFP_KERNEL);
    if (!out)
        return -ENOMEM;
    memcpy(out, template, sizeof(template));
    memcpy(out + REPORT_DATA_AT, report->desc.inblob, REPORT_DATA_SIZE);
    if (mode == 3)
        out[REPORT_DATA_AT] ^= 1;
    if (mode == 1)
        size = 0;
    if (mode == 4)
        size /= 2;
    if (mode == 7)
        size = BIG;
    report->outblob = out;
    report->outblob_len = size;
    return 0;
}

static bool attr_visible(int n)
{
    return n == TSM_REPORT_GENERATION || n == TSM_REPORT_PROVIDER;
}

static bool bin_attr_visible(int n)
{
    return n == TSM_REPORT_INBLOB || n == TSM_REPORT_OUTBLOB;
}

static const struct tsm_ops tsm = {.name = "tdx_guest",
                                   .report_new = report_new,
                                   .report_attr_visible = attr_visible,
                                   .report_bin_attr_visible = bin_attr_visible};

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
    struct tdx_report_req __user *user = (void __user *)argument;
    struct tdx_report_req *request;
    long result = 0;
    if (command != TDX_CMD_GET_REPORT0)
        return -ENOTTY;
    request = kzalloc(sizeof(*request), GFP_KERNEL);
    if (!request)
        return -ENOMEM;
    if (copy_from_user(request->reportdata, user->reportdata, TDX_REPORTDATA_LEN))
        result = -EFAULT;
    request->tdreport[0] = 0x81;
    memcpy(request->tdreport + 128, request->reportdata, TDX_REPORTDATA_LEN);
    if (result == 0 && copy_to_user(user->tdreport, request->tdreport, TDX_REPORT_LEN))
        result = -EFAULT;
    kfree(request);
    return result;
}

static ssize_t reg_read(struct file *file, struct kobject *object, struct bin_attribute *attribute,
                        char *out, loff_t offset, size_t size)
{
    return memory_read_from_buffer(out, size, &offset, reg, REGISTER_SIZE);
}

static ssize_t reg_write(struct file *file, struct kobject *object, struct bin_attribute *attribute,
                         char *data, loff_t offset, size_t size)
{
    if (offset != 0 || size != REGISTER_SIZE)
        return -EINVAL;
    memcpy(reg, data, REGISTER_SIZE);
    return (ssize_t)size;
}

static struct bin_attribute reg_attribute = {.attr = {.name = "rtmr3:sha384", .mode = 0600},
                                             .size = REGISTER_SIZE,
                                             .read = reg_read,
                                             .write = reg_write};
static struct bin_attribute *reg_attributes[] = {&reg_attribute, NULL};
static const struct attribute_group reg_group = {.name = "measurements",
                                                 .bin_attrs = reg_attributes};
static const struct attribute_group *groups[] = {&reg_group, NULL};

static const struct file_operations operations = {.owner = THIS_MODULE,
                                                  .unlocked_ioctl = device_ioctl};
static struct miscdevice device = {.name = "tdx_guest",
                                   .minor = MISC_DYNAMIC_MINOR,
                                   .fops = &operations,
                                   .groups = groups,
                                   .mode = 0600};

static int __init fake_tdx_init(void)
{
    int result = misc_register(&device);
    if (result != 0)
        return result;
    result = tsm_register(&tsm, NULL);
    if (result != 0)
        misc_deregister(&device);
    return result;
}

static void __exit fake_tdx_exit(void)
{
    tsm_unregister(&tsm);
    misc_deregister(&device);
}

module_init(fake_tdx_init);
module_exit(fake_tdx_exit);
MODULE_DESCRIPTION("stands in for a TDX guest's interfaces in tests");
MODULE_LICENSE("GPL");
