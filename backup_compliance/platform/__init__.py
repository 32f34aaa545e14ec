"""What Azure Resource Manager says about virtual machines; knows no host."""
