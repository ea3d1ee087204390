"""The predecessor's models as far as tables and fixtures show them."""
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class Quantity(models.Model):
    quantity = models.CharField(max_length=30, unique=True)
    base_unit = models.CharField(max_length=30)


class NodeProtocol(models.Model):
    identifier = models.CharField(max_length=30, unique=True)
    num_uplink_msgs = models.PositiveIntegerField(default=1)
    num_downlink_msgs = models.PositiveIntegerField(default=1)


class NodeModel(models.Model):
    name = models.CharField(max_length=30, unique=True)
    trade_name = models.CharField(max_length=30)
    manufacturer = models.CharField(max_length=30)
    sensor_type = models.CharField(max_length=100)
    quantities = models.ManyToManyField(Quantity)


class Organization(models.Model):
    name = models.CharField(max_length=50, unique=True)
    description = models.TextField(null=True, blank=True)
    users = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership")


class Membership(models.Model):
    role = models.CharField(max_length=1, choices=[("I", "INSPECTOR"), ("O", "OWNER")])
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "organization"], name="unique_membership")]


class Address(models.Model):
    street1 = models.CharField(max_length=50)
    street2 = models.CharField(max_length=50, null=True, blank=True)
    zip = models.CharField(max_length=5)
    city = models.CharField(max_length=50)
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)


class Site(models.Model):
    name = models.CharField(max_length=50)
    description = models.TextField(null=True, blank=True)
    address = models.ForeignKey(Address, on_delete=models.PROTECT)
    operator = models.ForeignKey(Organization, null=True, on_delete=models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "operator"], name="unique_site")]


class Room(models.Model):
    name = models.CharField(max_length=50)
    description = models.TextField(null=True, blank=True)
    size_sqm = models.DecimalField(max_digits=5, decimal_places=1, null=True, blank=True)
    height_m = models.DecimalField(max_digits=3, decimal_places=1, null=True, blank=True)
    max_occupancy = models.IntegerField(null=True, blank=True)
    site = models.ForeignKey(Site, on_delete=models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "site"], name="unique_room")]


class Node(models.Model):
    id = models.UUIDField(primary_key=True)
    eui64 = models.CharField(max_length=32, unique=True)
    alias = models.CharField(max_length=100)
    description = models.TextField(null=True, blank=True)
    protocol = models.ForeignKey(NodeProtocol, on_delete=models.CASCADE)
    model = models.ForeignKey(NodeModel, on_delete=models.CASCADE)
    owner = models.ForeignKey(Organization, null=True, on_delete=models.CASCADE)


class RoomNodeInstallation(models.Model):
    node = models.ForeignKey(Node, on_delete=models.CASCADE)
    room = models.ForeignKey(Room, on_delete=models.CASCADE)
    from_timestamp_s = models.PositiveIntegerField()
    to_timestamp_s = models.PositiveIntegerField(default=2147483647)
    description = models.TextField(null=True, blank=True)
    is_public = models.BooleanField(default=False)
    # An ImageField there, which is the same in the database and in fixtures, and wants Pillow.
    image = models.FileField(null=True, blank=True, upload_to="installations")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "from_timestamp_s"], name="unique_installation")]


class NodeFidelity(models.Model):
    node = models.OneToOneField(Node, primary_key=True, on_delete=models.CASCADE)
    fidelity = models.CharField(max_length=1, default="U")
    last_check_s = models.PositiveIntegerField()
    last_contact_s = models.PositiveIntegerField(null=True)


class Sample(models.Model):
    node = models.ForeignKey(Node, on_delete=models.CASCADE)
    timestamp_s = models.PositiveIntegerField()
    co2_ppm = models.PositiveSmallIntegerField(validators=[MaxValueValidator(10000)])
    temperature_celsius = models.DecimalField(
        max_digits=3, decimal_places=1, null=True, validators=[MinValueValidator(-20), MaxValueValidator(40)]
    )
    rel_humidity_percent = models.PositiveSmallIntegerField(null=True, validators=[MaxValueValidator(100)])
    measurement_status = models.CharField(max_length=1, default="M")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "timestamp_s"], name="unique_sample")]
