"""What a material is: read, checked, and who stands next to whom. numpy and kernels."""
